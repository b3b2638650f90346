package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

type settings struct {
	release, namespace, kubeVersion string
	isUpgrade                       bool
	notes                           bool // NOTES.txt alone, instead of the manifests
	apis                            []string
}

type apiVersions []string

// Has tells whether the cluster is said to have an API version or a kind of one.
func (a apiVersions) Has(name string) bool {
	for _, version := range a {
		if version == name {
			return true
		}
	}
	return false
}

func (c *chart) render(s settings) (string, error) {
	root := template.New("chart").Option("missingkey=zero")
	root.Funcs(functions(root))
	for _, name := range sortedKeys(c.templates) {
		if _, err := root.New(name).Parse(c.templates[name]); err != nil {
			return "", err
		}
	}
	metadata := map[string]interface{}{}
	for key, value := range c.metadata {
		metadata[strings.ToUpper(key[:1])+key[1:]] = value
	}
	var out strings.Builder
	for _, name := range sortedKeys(c.templates) {
		isNotes := name == "templates/NOTES.txt"
		isManifest := strings.HasSuffix(name, ".yaml") && !strings.HasPrefix(filepath.Base(name), "_")
		if (s.notes && !isNotes) || (!s.notes && !isManifest) {
			continue
		}
		data := map[string]interface{}{
			"Values": c.values,
			"Chart":  metadata,
			"Release": map[string]interface{}{
				"Name": s.release, "Namespace": s.namespace, "Service": "Helm", "Revision": 1,
				"IsInstall": !s.isUpgrade, "IsUpgrade": s.isUpgrade,
			},
			"Capabilities": map[string]interface{}{
				"APIVersions": apiVersions(s.apis),
				"KubeVersion": map[string]interface{}{"Version": s.kubeVersion, "GitVersion": s.kubeVersion},
			},
			"Files":    c.files,
			"Template": map[string]interface{}{"Name": name, "BasePath": "templates"},
		}
		var text bytes.Buffer
		if err := root.ExecuteTemplate(&text, name, data); err != nil {
			return "", err
		}
		// What an absent key prints; Helm removes it as well.
		rendered := strings.ReplaceAll(text.String(), "<no value>", "")
		if strings.TrimSpace(rendered) == "" {
			continue
		}
		if s.notes {
			return rendered, nil
		}
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", name, strings.Trim(rendered, "\n"))
	}
	return out.String(), nil
}

// functions are sprig's and those that Helm adds. Functions that need the network or the environment are left out.
func functions(root *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	all["include"] = func(name string, data interface{}) (string, error) {
		var text strings.Builder
		err := root.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	all["tpl"] = func(source string, data interface{}) (string, error) {
		clone, err := root.Clone()
		if err != nil {
			return "", err
		}
		parsed, err := clone.New("tpl").Parse(source)
		if err != nil {
			return "", err
		}
		var text strings.Builder
		err = parsed.Execute(&text, data)
		return text.String(), err
	}
	all["required"] = func(message string, value interface{}) (interface{}, error) {
		if text, isText := value.(string); value == nil || isText && text == "" {
			return nil, errors.New(message)
		}
		return value, nil
	}
	all["fail"] = func(message string) (string, error) { return "", errors.New(message) }
	all["lookup"] = func(string, string, string, string) map[string]interface{} { return map[string]interface{}{} }
	all["toYaml"] = func(value interface{}) string {
		text, err := toYAML(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(text, "\n")
	}
	all["fromYaml"] = func(text string) map[string]interface{} {
		result := map[string]interface{}{}
		if err := yaml.Unmarshal([]byte(text), &result); err != nil {
			result["Error"] = err.Error()
		}
		return result
	}
	all["fromYamlArray"] = func(text string) []interface{} {
		result := []interface{}{}
		if err := yaml.Unmarshal([]byte(text), &result); err != nil {
			result = []interface{}{err.Error()}
		}
		return result
	}
	all["toJson"] = func(value interface{}) (string, error) {
		text, err := json.Marshal(value)
		return string(text), err
	}
	return all
}

func toYAML(value interface{}) (string, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return text.String(), encoder.Close()
}

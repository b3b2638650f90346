package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// chart is what one chart directory holds.
type chart struct {
	metadata  map[string]interface{}
	values    map[string]interface{}
	templates map[string]string // path in the chart -> source
	files     files             // everything else, for .Files
}

func loadChart(directory string) (*chart, error) {
	result := &chart{templates: map[string]string{}, files: files{}}
	err := filepath.Walk(directory, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		switch {
		case name == "Chart.yaml":
			return yaml.Unmarshal(content, &result.metadata)
		case name == "values.yaml":
			return yaml.Unmarshal(content, &result.values)
		case strings.HasPrefix(name, "templates/"):
			result.templates[name] = string(content)
		default:
			result.files[name] = content
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if result.metadata == nil {
		return nil, fmt.Errorf("%s: no Chart.yaml", directory)
	}
	if result.values == nil {
		result.values = map[string]interface{}{}
	}
	return result, nil
}

func (c *chart) mergeValues(valueFiles, sets []string) error {
	for _, path := range valueFiles {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var over map[string]interface{}
		if err := yaml.Unmarshal(content, &over); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		merge(c.values, over)
	}
	for _, text := range sets {
		key, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("-set %s: no '='", text)
		}
		var parsed interface{}
		if err := yaml.Unmarshal([]byte(value), &parsed); err != nil {
			return fmt.Errorf("-set %s: %w", text, err)
		}
		path := strings.Split(key, ".")
		over := map[string]interface{}{path[len(path)-1]: parsed}
		for i := len(path) - 2; i >= 0; i-- {
			over = map[string]interface{}{path[i]: over}
		}
		merge(c.values, over)
	}
	return nil
}

// merge puts the values of over into base: maps merge, null deletes, everything else replaces.
func merge(base, over map[string]interface{}) {
	for key, value := range over {
		if value == nil {
			delete(base, key)
			continue
		}
		to, isMap := base[key].(map[string]interface{})
		from, bothMaps := value.(map[string]interface{})
		if isMap && bothMaps {
			merge(to, from)
		} else {
			base[key] = value
		}
	}
}

// files is .Files of a template.
type files map[string][]byte

// Get returns the content of a file of the chart, or nothing when there is no such file, as Helm does.
func (f files) Get(name string) string { return string(f[name]) }

// Glob returns the files whose path matches.
func (f files) Glob(pattern string) files {
	found := files{}
	for name, content := range f {
		if matched, _ := filepath.Match(pattern, name); matched {
			found[name] = content
		}
	}
	return found
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

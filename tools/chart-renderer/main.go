// chart-renderer renders a Helm chart of this repository without helm, which Debian does not package:
//
//	chart-renderer -release NAME -namespace NS [-f values.yaml]... [-set a.b=c]... [-api group/version]... CHART
//
// It prints the manifests as one YAML stream, in file order. It knows what our charts use of Helm: text/template with
// sprig, include, tpl, required, toYaml, fromYaml, toJson, lookup (always empty), .Values, .Release, .Chart,
// .Capabilities, .Files and .Template. Merging of values follows Helm: later files win, maps merge, null deletes a key.
// Validation against values.schema.json is done by the tests, with a JSON Schema library.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func main() {
	var files, sets, apis list
	release := flag.String("release", "release-name", "release name")
	namespace := flag.String("namespace", "default", "release namespace")
	kube := flag.String("kube-version", "v1.29.0", "what .Capabilities.KubeVersion says")
	upgrade := flag.Bool("upgrade", false, ".Release.IsUpgrade instead of .IsInstall")
	notes := flag.Bool("notes", false, "print NOTES.txt instead of the manifests")
	valuesOnly := flag.Bool("values", false, "print the merged values instead of the manifests")
	flag.Var(&files, "f", "values file (repeatable)")
	flag.Var(&sets, "set", "key.path=value (repeatable)")
	flag.Var(&apis, "api", "an API version that .Capabilities.APIVersions has (repeatable)")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: chart-renderer [flags] CHART")
		flag.PrintDefaults()
		os.Exit(2)
	}
	chart, err := loadChart(filepath.Clean(flag.Arg(0)))
	if err == nil {
		err = chart.mergeValues(files, sets)
	}
	var text string
	switch {
	case err != nil:
	case *valuesOnly:
		text, err = toYAML(chart.values)
	default:
		text, err = chart.render(settings{*release, *namespace, *kube, *upgrade, *notes, apis})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart-renderer:", err)
		os.Exit(1)
	}
	fmt.Print(text)
}

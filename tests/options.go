// Prints, as JSON, what this version of Kubernetes can be told: flags of its programs with their types, the fields of
// its configuration kinds, feature gates and admission plugins; all asked of the programs' own code.
package main

import (
	"encoding"
	"encoding/json"
	"os"
	"reflect"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	audit "k8s.io/apiserver/pkg/apis/audit/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cliflag "k8s.io/component-base/cli/flag"
	_ "k8s.io/component-base/logs/json/register"
	proxy "k8s.io/kube-proxy/config/v1alpha1"
	scheduler "k8s.io/kube-scheduler/config/v1"
	kubelet "k8s.io/kubelet/config/v1beta1"
	apiserverapp "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllerapp "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	schedulerapp "k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/pkg/kubeapiserver/options"
)

func flags(command *cobra.Command) map[string]string {
	found := map[string]string{}
	// As cli.Run does it: _ in a name means -.
	command.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	command.Flags().VisitAll(func(flag *pflag.Flag) { found[flag.Name] = flag.Value.Type() })
	return found
}

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// shape of a type: a word for a plain one, {"list": X}, {"map": X} or {"fields": {NAME: X}}.
func shape(t reflect.Type) any {
	if t.Kind() == reflect.Pointer {
		return shape(t.Elem())
	}
	if pointer := reflect.PointerTo(t); pointer.Implements(marshaler) || pointer.Implements(textMarshaler) {
		return own(t.Name())
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "string"
		}
		return map[string]any{"list": shape(t.Elem())}
	case reflect.Map:
		return map[string]any{"map": shape(t.Elem())}
	case reflect.Struct:
		fields := map[string]any{}
		collect(t, fields)
		return map[string]any{"fields": fields}
	case reflect.Interface:
		return "any"
	}
	return "integer"
}

// own is for types that read themselves.
func own(name string) any {
	switch name {
	case "Duration", "Time", "MicroTime":
		return "string"
	}
	return "any"
}

func collect(t reflect.Type, fields map[string]any) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" && (field.Anonymous || strings.Contains(rest, "inline")) {
			collect(field.Type, fields)
		} else if name != "" {
			fields[name] = shape(field.Type)
		}
	}
}

func gates() []string {
	var names []string
	for name := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		names = append(names, string(name))
	}
	sort.Strings(names)
	return names
}

func main() {
	commands := map[string]*cobra.Command{
		"kube-apiserver":          apiserverapp.NewAPIServerCommand(),
		"kube-controller-manager": controllerapp.NewControllerManagerCommand(),
		"kube-scheduler":          schedulerapp.NewSchedulerCommand(),
	}
	programs := map[string]any{}
	for name, command := range commands {
		programs[name] = flags(command)
	}
	plugins := options.NewAdmissionOptions().GenericAdmission.Plugins.Registered()
	sort.Strings(plugins)
	kinds := map[string]any{
		// Arguments of the scheduler's own plugins, which its kind has as raw data.
		"DefaultPreemptionArgs":               shape(reflect.TypeFor[scheduler.DefaultPreemptionArgs]()),
		"InterPodAffinityArgs":                shape(reflect.TypeFor[scheduler.InterPodAffinityArgs]()),
		"NodeAffinityArgs":                    shape(reflect.TypeFor[scheduler.NodeAffinityArgs]()),
		"NodeResourcesBalancedAllocationArgs": shape(reflect.TypeFor[scheduler.NodeResourcesBalancedAllocationArgs]()),
		"NodeResourcesFitArgs":                shape(reflect.TypeFor[scheduler.NodeResourcesFitArgs]()),
		"PodTopologySpreadArgs":               shape(reflect.TypeFor[scheduler.PodTopologySpreadArgs]()),
		"VolumeBindingArgs":                   shape(reflect.TypeFor[scheduler.VolumeBindingArgs]()),

		"KubeletConfiguration":       shape(reflect.TypeFor[kubelet.KubeletConfiguration]()),
		"Policy":                     shape(reflect.TypeFor[audit.Policy]()),
		"KubeProxyConfiguration":     shape(reflect.TypeFor[proxy.KubeProxyConfiguration]()),
		"KubeSchedulerConfiguration": shape(reflect.TypeFor[scheduler.KubeSchedulerConfiguration]()),
	}
	answer := map[string]any{"flags": programs, "kinds": kinds, "gates": gates(), "plugins": plugins}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		panic(err)
	}
}

// Reads the manifest of a Deployment from standard input as an API server does that refuses unknown fields (fieldValidation=Strict), into the types of
// k8s.io/api, and writes it as JSON. Ends with 1 and the reason when it is none.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	fail(err)
	scheme := runtime.NewScheme()
	fail(appsv1.AddToScheme(scheme))
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	object, _, err := codecs.UniversalDeserializer().Decode(text, nil, nil)
	fail(err)
	deployment, isDeployment := object.(*appsv1.Deployment)
	if !isDeployment {
		fail(fmt.Errorf("it is a %T", object))
	}
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	fail(err)
	if selector.Empty() || !selector.Matches(labels.Set(deployment.Spec.Template.Labels)) {
		fail(fmt.Errorf("the selector does not match the labels of the template"))
	}
	fail(json.NewEncoder(os.Stdout).Encode(deployment))
}

func fail(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

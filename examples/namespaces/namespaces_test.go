//go:build linux

package namespaces_test

import (
	"bytes"
	"context"
	"os"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/conformance"
	"github.com/sandlot-dev/sandlot/examples/namespaces"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestMain(m *testing.M) {
	namespaces.Init()
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	open := func(context.Context) (runtime.Runtime, error) { return namespaces.Open(dir) }
	rt, err := open(t.Context()) // makes the directory
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	content, err := conformance.ImageContent(goruntime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	const image = "localhost/sandlot-conformance/probe:1"
	config := namespaces.Config{Env: content.Env, WorkingDir: content.WorkingDir}
	if _, err := namespaces.Import(dir, image, bytes.NewReader(content.Root), config); err != nil {
		t.Fatal(err)
	}
	conformance.Run(t, conformance.Config{Open: open, Image: image, CaseTimeout: 3 * time.Minute})
}

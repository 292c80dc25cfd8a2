//go:build linux

package namespaces_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	goruntime "runtime"
	"time"

	"github.com/sandlot-dev/sandlot/conformance"
	"github.com/sandlot-dev/sandlot/examples/namespaces"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// A program that uses the runtime calls Init first thing in main; here TestMain does.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "namespaces-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	rt, err := runtime.Open(ctx, "namespaces://"+dir, namespaces.Driver())
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	content, err := conformance.ImageContent(goruntime.GOARCH) // any root file system would do
	if err != nil {
		log.Fatal(err)
	}
	if _, err := namespaces.Import(dir, "localhost/example:1", bytes.NewReader(content.Root), namespaces.Config{}); err != nil {
		log.Fatal(err)
	}
	box, err := sandbox.New(ctx, rt, sandbox.Options{Image: "localhost/example:1"})
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	out, err := box.Output(ctx, []string{"/probe", "say", "hello from the kernel's own namespaces", ""}, runtime.ExecOptions{Timeout: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", out.Stdout)
	// Output: hello from the kernel's own namespaces
}

package builtin_test

import (
	"archive/tar"
	"fmt"
	"strings"

	"github.com/sandlot-dev/sandlot/builtin"
)

func ExampleContext() {
	context, err := builtin.Context("amd64")
	if err != nil {
		fmt.Println(err)
		return
	}
	first, err := tar.NewReader(context).Next()
	fmt.Println(first.Name, err)
	// Output: Dockerfile <nil>
}

func ExampleTag() {
	name, _, _ := strings.Cut(builtin.Tag("amd64"), ":")
	fmt.Println(name)
	// Output: localhost/sandlot/builtin
}

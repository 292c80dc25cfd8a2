// Command grader runs programs that nobody trusts against a test: each in a sandbox of its own, with a deadline, on the engine that it finds.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/builtin"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// The task is to read two numbers and to print their sum.
var submissions = []struct{ name, program string }{
	{"right", `read a b; echo $((a + b))`},
	{"wrong", `read a b; echo $((a - b))`},
	{"endless", `while true; do sleep 1; done`},
	{"curious", `read a b; wget http://192.0.2.1/answer`}, // there is no network, and no wget
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	rt, err := auto.Open(ctx, "auto", auto.Options{})
	if err != nil {
		return err
	}
	defer rt.Close()
	image, err := builtin.Build(ctx, rt)
	if err != nil {
		return err
	}
	for _, s := range submissions {
		verdict, err := grade(ctx, rt, image, s.program)
		if err != nil {
			return err
		}
		fmt.Printf("%-8s %s\n", s.name, verdict)
	}
	return nil
}

// grade says what became of a program. An error is ours, never the program's.
func grade(ctx context.Context, rt runtime.Runtime, image *sandbox.Build, program string) (string, error) {
	box, err := sandbox.New(ctx, rt, sandbox.Options{Build: image, RunOptions: runtime.RunOptions{ReadOnlyRoot: true}})
	if err != nil {
		return "", err
	}
	defer box.Close()
	out, err := box.Output(ctx, []string{"sh", "-c", program}, runtime.ExecOptions{
		Stdin: strings.NewReader("20 22\n"), Timeout: 2 * time.Second,
	})
	switch {
	case errors.Is(err, runtime.ErrTimeout):
		return "took too long, and nothing of it is left", nil
	case err != nil:
		return "", err
	case out.ExitCode != 0:
		return fmt.Sprintf("failed with exit status %d", out.ExitCode), nil
	case strings.TrimSpace(string(out.Stdout)) != "42":
		return fmt.Sprintf("answered %q", out.Stdout), nil
	}
	return "passed", nil
}

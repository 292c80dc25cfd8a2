package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"mvdan.cc/sh/v3/syntax"
)

var pinned = regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40}$`)

// TestWorkflow looks whether the example of a workflow is one: it is YAML, its steps are shell, their commands of ours parse, and its
// actions are pinned.
func TestWorkflow(t *testing.T) {
	text, err := os.ReadFile("../../examples/ci/github-actions.yml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		On   map[string]any
		Jobs map[string]struct {
			RunsOn string `yaml:"runs-on"`
			Steps  []struct{ Name, Uses, Run string }
		}
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	if len(workflow.On) == 0 || workflow.Jobs["conformance"].RunsOn == "" {
		t.Fatalf("it runs never or nowhere: %+v", workflow)
	}
	var ours []string
	for _, step := range workflow.Jobs["conformance"].Steps {
		if (step.Uses == "") == (step.Run == "") {
			t.Errorf("the step %q does nothing, or two things", step.Name)
		}
		if step.Uses != "" && !pinned.MatchString(step.Uses) {
			t.Errorf("the action %s is not pinned to a commit", step.Uses)
		}
		for _, argv := range commandLines(t, step.Run) {
			if argv[0] == "sandlot" {
				ours = append(ours, argv[1])
				parses(t, argv[1:])
			}
		}
	}
	if strings.Join(ours, " ") != "doctor conformance" {
		t.Errorf("it runs %q of ours", ours)
	}
}

// expression is what the workflow's runner replaces before a shell sees it.
var expression = regexp.MustCompile(`\$\{\{.*?\}\}`)

// commandLines are the words of all simple commands in a script. Words that are not plain text stand for themselves.
func commandLines(t *testing.T, script string) (all [][]string) {
	t.Helper()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(expression.ReplaceAllString(script, "docker")), "")
	if err != nil {
		t.Errorf("no shell script: %v\n%s", err, script)
		return nil
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			var argv []string
			for _, word := range call.Args {
				var b strings.Builder
				_ = syntax.NewPrinter().Print(&b, word)
				argv = append(argv, strings.Trim(b.String(), `"`))
			}
			all = append(all, argv)
		}
		return true
	})
	return all
}

// parses asserts that a command and its flags exist.
func parses(t *testing.T, args []string) {
	t.Helper()
	cmd, rest, err := new(app).rootCommand().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd.RunE == nil {
		t.Errorf("%q: %v", args, err)
	}
}

package main

import (
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	const green = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"x\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestConformance"}
{"Action":"run","Package":"p","Test":"TestConformance/docker"}
{"Action":"run","Package":"p","Test":"TestConformance/docker/exec/codes"}
{"Action":"pass","Package":"p","Test":"TestConformance/docker/exec/codes"}
{"Action":"pass","Package":"p","Test":"TestConformance/docker"}
{"Action":"pass","Package":"p","Test":"TestConformance"}
{"Action":"pass","Package":"p"}
`
	for _, c := range []struct {
		name, events, engines string
		ok                    bool
		want                  []string
	}{
		{"green", green, "docker=u", true, []string{"conformance on docker: 1 cases passed, 0 failed, 0 skipped\n", "\n2 passed, 0 failed, 0 skipped\n"}},
		{"an engine without cases", green, "docker=u podman-root=u", false, []string{"conformance on podman-root: 0 cases passed"}},
		{"a failed subtest counts once", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"fail","Package":"p","Test":"TestA/b"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "", false, []string{"0 passed, 1 failed, 0 skipped\n"}},
		{"a parent that failed by itself", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"pass","Package":"p","Test":"TestA/b"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "", false, []string{"1 passed, 1 failed, 0 skipped\n"}},
		{"a test that did not end", `{"Action":"run","Package":"p","Test":"TestA"}`, "", false, []string{"0 passed, 1 failed"}},
		{"a package that does not build", `{"Action":"fail","Package":"p"}`, "", false, []string{"p: failed as a whole\n", "0 passed, 1 failed"}},
		{"a test that passed when it was run again", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"fail","Package":"p","Test":"TestA/b"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"pass","Package":"p","Test":"TestA/b"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`, "", true, []string{"failed, and passed when it was run again by itself: p TestA/b\n1 passed, 0 failed"}},
		{"a test that failed again", `{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "", false, []string{"0 passed, 1 failed"}},
		{"skips are counted", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestA"}`, "", true, []string{"0 passed, 0 failed, 1 skipped"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			ok, err := summarize(strings.NewReader(c.events), &out, engines(c.engines))
			if err != nil {
				t.Fatal(err)
			}
			if ok != c.ok {
				t.Errorf("ok is %v, want %v", ok, c.ok)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("got %q, want it to contain %q", out.String(), want)
				}
			}
		})
	}
	if _, err := summarize(strings.NewReader("ok p 0.1s\n"), &strings.Builder{}, nil); err == nil {
		t.Error("what is not JSON was accepted")
	}
}

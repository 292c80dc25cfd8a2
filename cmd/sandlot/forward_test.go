package main

import "testing"

func TestParseForward(t *testing.T) {
	for text, want := range map[string]forward{
		"8080":                   {"127.0.0.1:0", "tcp", "localhost:8080"},
		"9000:8080":              {"127.0.0.1:9000", "tcp", "localhost:8080"},
		"0:8080":                 {"127.0.0.1:0", "tcp", "localhost:8080"},
		"0.0.0.0:9000:8080":      {"0.0.0.0:9000", "tcp", "localhost:8080"},
		"[::1]:9000:8080":        {"[::1]:9000", "tcp", "localhost:8080"},
		"/run/x.sock":            {"127.0.0.1:0", "unix", "/run/x.sock"},
		"9000:/run/x:y.sock":     {"127.0.0.1:9000", "unix", "/run/x:y.sock"},
		"127.0.0.2:9000:/x.sock": {"127.0.0.2:9000", "unix", "/x.sock"},
	} {
		if got, err := parseForward(text); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "65536", "http", ":8080", "9000:", "x:8080", "9000:8080/udp", "9000run/x.sock", "::1:9000:8080", ":9000:8080", "9000:0"} {
		if got, err := parseForward(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestForwardWrong(t *testing.T) {
	f := &fake{}
	f.call(t, "forward", "box").want(t, 125, "", "usage: sandlot forward NAME")
	f.call(t, "forward", "box", "x").want(t, 125, "", "x: no port")
	f.call(t, "forward", "box", "8080").want(t, 125, "", "not found")
}

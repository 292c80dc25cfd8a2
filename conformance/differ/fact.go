package differ

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Fact is one thing that a user can see of an operation's end.
type Fact struct {
	What  string `json:"what"`
	Value string `json:"value"`
}

// facts are what a user saw of one operation, and its error in full, which is for people and not compared.
type facts struct {
	list  []Fact
	error error
}

func (f *facts) add(what string, value any) { f.list = append(f.list, Fact{what, fmt.Sprint(value)}) }

// A clash is what two sides say differently.
type clash struct{ what, a, b string }

// compare gives all facts that differ. What only one has, the other has as "".
func compare(a, b facts) []clash {
	var out []clash
	byName := map[string]string{}
	for _, f := range b.list {
		byName[f.What] = f.Value
	}
	seen := map[string]bool{}
	for _, f := range a.list {
		seen[f.What] = true
		if other := byName[f.What]; other != f.Value {
			out = append(out, clash{f.What, f.Value, other})
		}
	}
	for _, f := range b.list {
		if !seen[f.What] {
			out = append(out, clash{f.What, "", f.Value})
		}
	}
	return out
}

// sentinels are all that an error of a runtime can match.
var sentinels = []struct {
	name string
	err  error
}{
	{"runtime.ErrNotFound", runtime.ErrNotFound},
	{"runtime.ErrImageNotFound", runtime.ErrImageNotFound},
	{"runtime.ErrFileNotFound", runtime.ErrFileNotFound},
	{"runtime.ErrAlreadyExists", runtime.ErrAlreadyExists},
	{"runtime.ErrPortInUse", runtime.ErrPortInUse},
	{"runtime.ErrInUse", runtime.ErrInUse},
	{"runtime.ErrNotRunning", runtime.ErrNotRunning},
	{"runtime.ErrTimeout", runtime.ErrTimeout},
	{"runtime.ErrInvalid", runtime.ErrInvalid},
	{"runtime.ErrUnavailable", runtime.ErrUnavailable},
	{"runtime.ErrPermission", runtime.ErrPermission},
	{"runtime.ErrReadOnly", runtime.ErrReadOnly},
	{"runtime.ErrNoSpace", runtime.ErrNoSpace},
	{"runtime.ErrBuildFailed", runtime.ErrBuildFailed},
	{"runtime.ErrConnectionLost", runtime.ErrConnectionLost},
	{"runtime.ErrClosed", runtime.ErrClosed},
	{"runtime.ErrUnsupported", runtime.ErrUnsupported},
	{"context.Canceled", context.Canceled},
	{"context.DeadlineExceeded", context.DeadlineExceeded},
	{"io.ErrUnexpectedEOF", io.ErrUnexpectedEOF},
}

const (
	noError   = "none"
	otherKind = "of no kind"
)

// addError adds what callers can tell of an error: which sentinels it matches, which operation and what it names.
func (f *facts) addError(s *session, err error) {
	f.error = err
	if err == nil {
		f.add("error", noError)
		return
	}
	kinds := otherKind
	var matched []string
	for _, k := range sentinels {
		if errors.Is(err, k.err) {
			matched = append(matched, k.name)
		}
	}
	if len(matched) > 0 {
		kinds = strings.Join(matched, " ")
	}
	f.add("error", kinds)
	var own *runtime.Error
	if !errors.As(err, &own) {
		f.add("error's type", fmt.Sprintf("%T", err))
		return
	}
	f.add("error's Op", own.Op)
	f.add("error's ID", s.common(own.ID))
	f.add("error has a Log", own.Log != "")
}

const maxShown = 4000

// brief is a text, long ones in part, with a hash that tells them apart.
func brief(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes, SHA-256 %x)", text[:200], len(text), sha256.Sum256([]byte(text)))
}

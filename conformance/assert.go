package conformance

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Equal asserts that got is deeply equal to want, and says whether. what names the value: "the exit code".
func (t *T) Equal(what string, got, want any) bool {
	if reflect.DeepEqual(got, want) {
		return true
	}
	t.Errorf("%s\n  got:   %s\n  want:  %s", what, show(got), show(want))
	return false
}

// True asserts that ok holds. want says what that means, and got what there was instead.
func (t *T) True(ok bool, what string, got any, want string) bool {
	if !ok {
		t.Errorf("%s\n  got:   %s\n  want:  %s", what, show(got), want)
	}
	return ok
}

// NoError ends the case where there is an error.
func (t *T) NoError(what string, err error) {
	if err != nil {
		t.Fatalf("%s\n  got:   %v\n  want:  no error", what, err)
	}
}

// ErrorIs asserts that err matches target and, as every error of a runtime does, holds a *runtime.Error; it says whether.
func (t *T) ErrorIs(what string, err, target error) bool {
	if !errors.Is(err, target) {
		t.Errorf("%s\n  got:   error %v\n  want:  error %v", what, err, target)
		return false
	}
	var e *runtime.Error
	if !errors.As(err, &e) {
		t.Errorf("%s\n  got:   %T %v\n  want:  an error that is, or wraps, a *runtime.Error", what, err, err)
		return false
	}
	return true
}

// show prints a value for a message, long ones in part.
func show(v any) string {
	var s string
	switch v := v.(type) {
	case error:
		s = "error " + v.Error()
	case string:
		s = fmt.Sprintf("%q", v)
	case []byte:
		s = fmt.Sprintf("%q", v)
	case fmt.Stringer:
		s = v.String()
	default:
		s = fmt.Sprintf("%+v", v)
	}
	if len(s) > maxShown {
		s = fmt.Sprintf("%s … (%d bytes in all)", s[:maxShown], len(s))
	}
	return s
}

const maxShown = 2000

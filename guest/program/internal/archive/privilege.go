//go:build linux

package archive

import (
	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
)

// KeepPrivilege gives up every capability but those that files need, whatever the process was started with.
func KeepPrivilege() error {
	return self.KeepCapabilities(1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID)
}

//go:build sandlot_guest

package mux

import "os"

var errClosed = os.ErrClosed

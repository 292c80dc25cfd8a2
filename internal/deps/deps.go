//go:build sandlot_never

// Package deps holds on to module versions that nothing here imports and that modules which import Sandlot need: go.mod keeps only
// what a file names.
package deps

// Old versions of this module, which others in the graph still ask for, hold packages that are modules of their own by now. Where both are
// there, `go mod tidy` in an importing module calls the import ambiguous.
import _ "google.golang.org/genproto/googleapis/type/date"

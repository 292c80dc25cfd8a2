// Package conformance proves that a runtime holds to the contract of package runtime: one table of cases that every runtime
// must pass, whatever engine is behind it.
//
// Under go test:
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.Config{Open: open})
//	}
//
// Anywhere else, [Check] gives a [Report]. The suite needs no registry and no network: its image is built from scratch out
// of a program that this package carries. It works on the runtime that Config.Open opens, and removes all that it made.
//
// Each [Case] has a stable id and states the rule that it proves. A capability that the runtime does not declare is tested
// too: what needs it must fail with errors.ErrUnsupported. No case is ever skipped because of what a runtime did.
package conformance

package conformance

import (
	"slices"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Case proves one rule.
type Case struct {
	// ID is stable: "exec/timeout/setsid-child".
	ID string
	// Rule is the obligation, in one sentence.
	Rule string
	// Contract is where the obligation is stated: "runtime.Runtime.Exec".
	Contract string
	// Needs are the capabilities without which the rule means nothing. On a runtime that does not declare one of them, the
	// case asserts instead that asking for it is refused.
	Needs []runtime.Capability
	// Unsupported asserts that, in place of the general assertion for the first capability that is missing.
	Unsupported func(t *T)
	// Run proves the rule. It runs in a goroutine of its own, at the same time as other cases.
	Run func(t *T)
}

// Cases are all cases, in the order of their groups.
func Cases() []Case {
	return slices.Concat(
		execCases(), execOptionCases(), nextExecCases(), streamCases(), ttyCases(), timeoutCases(),
		lifecycleCases(), runCases(), stopCases(), leaseCases(), attachedCases(), buildCases(),
		isolationCases(), guestCases(), mountCases(), portCases(), dialCases(), processCases(),
		archiveCases(), changeCases(), watchCases(),
	)
}

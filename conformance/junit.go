package conformance

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"
)

// WriteJUnit writes the report as JUnit XML: one suite, of which refused cases are skipped ones.
func (r Report) WriteJUnit(w io.Writer) error {
	suite := junit.Testsuite{Name: r.engine(), Package: "conformance"}
	suite.AddProperty("runtime", r.Runtime.Runtime)
	suite.AddProperty("version", r.Runtime.Version)
	suite.AddProperty("apiVersion", r.Runtime.APIVersion)
	suite.AddProperty("os", r.Runtime.OS)
	suite.AddProperty("arch", r.Runtime.Arch)
	suite.AddProperty("kernel", r.Runtime.Kernel)
	suite.AddProperty("rootless", strconv.FormatBool(r.Runtime.Rootless))
	for _, result := range r.Results {
		d := time.Duration(result.Duration)
		c := junit.Testcase{Name: result.ID, Classname: "conformance", Time: junitSeconds(d)}
		switch result.Outcome {
		case Failed:
			c.Failure = &junit.Result{Message: result.Rule, Type: result.Contract, Data: lines(result.Messages)}
		case Unsupported:
			c.Skipped = &junit.Result{Message: result.unsupported()}
		case Passed:
			if len(result.Messages) > 0 {
				c.SystemOut = &junit.Output{Data: lines(result.Messages)}
			}
		}
		suite.AddTestcase(c)
	}
	suite.SetTimestamp(r.Started)
	suite.Time = junitSeconds(time.Duration(r.Duration))
	suites := junit.Testsuites{Name: "sandlot conformance", Time: suite.Time}
	suites.AddSuite(suite)
	return suites.WriteXML(w)
}

// unsupported says what an unsupported case lacks.
func (r Result) unsupported() string {
	if r.Reason == "" {
		return "needs " + r.Missing
	}
	return "needs " + r.Missing + ": " + r.Reason
}

func junitSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// lines joins messages, without the characters that XML cannot hold: a command's output may be in them.
func lines(messages []string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 {
			return r
		}
		return '\uFFFD'
	}, strings.Join(messages, "\n")+"\n")
}

package doctor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sandlot-dev/sandlot/doctor"
)

// A service that refuses to start on a host that cannot hold Sandlot's defaults.
func ExampleCheck() {
	report, err := doctor.Check(context.Background(), doctor.Options{Runtime: "auto"})
	if err != nil {
		log.Fatal(err)
	}
	if !report.OK {
		log.Fatalf("%s; mended by: %s", report.Verdict, report.Fix)
	}
	fmt.Println(report.Verdict)
	for _, f := range report.Checks {
		if f.Status == doctor.StatusNote {
			fmt.Printf("%s: %s; mended by: %s\n", f.Name, f.Says, f.Fix)
		}
	}
}

package report

import (
	"fmt"
	"math"
	"strconv"

	"github.com/aclements/go-moremath/stats"
)

// Median is the middle of the samples.
func (s *Series) Median() float64 { return s.quantile(0.5) }

// P99 is what one sample in a hundred is worse than. Of few samples it is near the worst.
func (s *Series) P99(u Unit) float64 {
	if u.moreIsBetter() {
		return s.quantile(0.01)
	}
	return s.quantile(0.99)
}

func (s *Series) quantile(q float64) float64 {
	return stats.Sample{Xs: s.Samples}.Quantile(q)
}

// spread is how far the true median may be from the median, with a confidence of 95 %, as a share of it. NaN where there are too few samples
// to say.
func (s *Series) spread() float64 {
	if len(s.Samples) == 0 {
		return math.NaN()
	}
	median, low, high := stats.QuantileCI(len(s.Samples), 0.5, 0.95).SampleCI(stats.Sample{Xs: s.Samples})
	return max(high-median, median-low) / median
}

// formatValue writes a value with three digits and its unit.
func formatValue(x float64, u Unit) string {
	switch {
	case math.IsNaN(x):
		return "–"
	case u == Seconds && x < 1e-3:
		return digits(x*1e6) + " µs"
	case u == Seconds && x < 1:
		return digits(x*1e3) + " ms"
	case u == Seconds:
		return digits(x) + " s"
	case u == PerSecond:
		return digits(x) + "/s"
	}
	rest := string(u[1:]) // of B/s
	switch {
	case math.Abs(x) < 1e3:
		return digits(x) + " B" + rest
	case math.Abs(x) < 1e6:
		return digits(x/1e3) + " kB" + rest
	case math.Abs(x) < 1e9:
		return digits(x/1e6) + " MB" + rest
	}
	return digits(x/1e9) + " GB" + rest
}

// digits writes three of them, and all of what is before the point.
func digits(x float64) string {
	if math.Abs(x) >= 99.95 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	if math.Abs(x) >= 9.995 {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// formatRatio writes how many times a baseline's median a series' median is.
func formatRatio(s, baseline *Series) string {
	if s == nil || baseline == nil || len(s.Samples) == 0 {
		return ""
	}
	r := s.Median() / baseline.Median()
	if r < 0.1 && r > 0 {
		return "1/" + digits(1/r)
	}
	return digits(r)
}

func formatSpread(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	return fmt.Sprintf("± %.0f %%", 100*x)
}

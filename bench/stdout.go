package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// measureStdout takes much output of one command.
func measureStdout(ctx context.Context, b *bench) error {
	size := pick[int64](b, 1<<30, 16<<20)
	m := b.measurement("stdout", "stdout", sizeName(size)+" of output", report.BytesPerSecond)
	return b.compare(ctx, b.count(4), b.with(func(c *contender) bool { return c.exec != nil }),
		func(ctx context.Context, c *contender) ([]report.Samples, error) {
			if c.stdoutReason != "" {
				return nil, cannot(c.stdoutReason)
			}
			var got counter
			took, err := timed(func() error { return c.exec(ctx, &got, "head", "-c", strconv.FormatInt(size, 10), "/dev/zero") })
			if err == nil && int64(got) != size {
				err = fmt.Errorf("%d of %d bytes arrived", got, size)
			}
			return one(float64(size) / took), err
		}, m)
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func sizeName(bytes int64) string {
	if bytes >= 1<<30 {
		return fmt.Sprint(bytes>>30, " GiB")
	}
	return fmt.Sprint(bytes>>20, " MiB")
}

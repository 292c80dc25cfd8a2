package engine

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// Rescues that are asked for while one is under way are one call of the guest, and each learns what came of its own.
func TestRescuesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kills{running: make(map[rescueKey]bool), next: make(map[rescueKey]*killing)}
		var calls [][]int
		first := make(chan struct{})
		failed := errors.New("failed")
		kill := func(pids []int) error {
			calls = append(calls, slices.Sorted(slices.Values(pids)))
			if len(calls) == 1 {
				<-first
				return nil
			}
			return failed
		}
		key := rescueKey{"box", ""}
		var all sync.WaitGroup
		all.Go(func() {
			if err := k.join(key, 1, kill); err != nil {
				t.Errorf("the first: %v", err)
			}
		})
		synctest.Wait()
		for pid := 2; pid < 5; pid++ {
			all.Go(func() {
				if err := k.join(key, pid, kill); err != failed {
					t.Errorf("process %d: %v", pid, err)
				}
			})
		}
		synctest.Wait()
		if err := k.join(rescueKey{"box", "else"}, 9, func([]int) error { return nil }); err != nil {
			t.Error(err)
		}
		close(first)
		all.Wait()
		if len(calls) != 2 || !slices.Equal(calls[0], []int{1}) || !slices.Equal(calls[1], []int{2, 3, 4}) {
			t.Errorf("the calls were %v", calls)
		}
		if len(k.running)+len(k.next) > 0 {
			t.Error("something is kept")
		}
	})
}

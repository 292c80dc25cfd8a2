//go:build linux

package keeper

import (
	"bufio"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
)

// maxProcesses bounds how many processes that nobody waits for a sandbox has, with those that have ended and are not removed.
const maxProcesses = 64

// processes are those that nobody waits for, the oldest first.
type processes struct {
	mu  sync.Mutex
	all []kept
}

type kept struct {
	id, word   string
	supervisor proc.Process
}

func (ps *processes) find(id string) int {
	return slices.IndexFunc(ps.all, func(p kept) bool { return p.id == id })
}

// add takes a process into the list, or says why not.
func (ps *processes) add(p kept) link.Answer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	switch {
	case ps.find(p.id) >= 0:
		return link.Answer{Taken: true}
	case len(ps.all) >= maxProcesses:
		return link.Answer{Full: true}
	}
	ps.all = append(ps.all, p)
	return link.Answer{}
}

func (ps *processes) remove(id string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if i := ps.find(id); i >= 0 {
		ps.all = slices.Delete(ps.all, i, i+1)
	}
}

// answer answers a question.
func (ps *processes) answer(id string) (a link.Answer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if id == "" {
		for _, p := range ps.all {
			a.IDs = append(a.IDs, p.id)
		}
	} else if i := ps.find(id); i >= 0 {
		a.PID, a.Word = ps.all[i].supervisor.PID, ps.all[i].word
	}
	return a
}

// serveProcess keeps a process in the list until its supervisor ends or has it forgotten, or answers a question.
func (k *keeper) serveProcess(conn *os.File, r *bufio.Reader, peer proc.Process, about *link.Process) {
	keeps := about.ID != "" && about.Word != ""
	answer, refused := link.Answer{}, false
	if keeps {
		answer = k.processes.add(kept{about.ID, about.Word, peer})
		if refused = answer.Taken || answer.Full; !refused {
			defer k.processes.remove(about.ID)
		}
	} else if answer = k.processes.answer(about.ID); answer.PID > 0 {
		_ = unix.Kill(answer.PID, unix.SIGCONT) // a command may have stopped it
	}
	welcome := k.welcome
	welcome.Answer = &answer
	if err := link.Send(conn, &welcome); err != nil || !keeps || refused {
		return
	}
	defer k.enter(conn)()
	_, _ = r.ReadByte() // its end
}

//go:build linux

package link

import (
	"encoding/hex"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// A process that nobody waits for is asked for by its supervisor's own socket, which is named by the process. The first process has a list of them, and says to
// other supervisors, and nobody else, the word that a supervisor wants to hear.

// Process is what a supervisor says of such a process: with a Word, that it keeps it for as long as the connection stands; without, that it
// asks for it. Without an ID it asks for the list.
type Process struct {
	ID   string
	Word string
}

// Fields is for the codec.
func (p *Process) Fields(c *wire.Codec) {
	wire.String(c, &p.ID)
	wire.String(c, &p.Word)
}

// Answer is the first process's.
type Answer struct {
	// Taken says that there is one with the ID, Full that there are as many as there may be.
	Taken bool
	Full  bool
	// PID and Word are those of the supervisor that was asked for; 0: there is no such process. IDs is the list, the oldest first.
	PID  int
	Word string
	IDs  []string
}

// Fields is for the codec.
func (a *Answer) Fields(c *wire.Codec) {
	c.Bool(&a.Taken)
	c.Bool(&a.Full)
	wire.Int(c, &a.PID)
	wire.String(c, &a.Word)
	wire.List(c, &a.IDs, func(id *string) { wire.String(c, id) })
}

// wordBytes is how much chance is in a word, and wordLength how long it is.
const (
	wordBytes  = 16
	wordLength = 2 * wordBytes
)

// Errors about processes.
var (
	ErrTaken     = errors.New("there is a process with this id")
	ErrFull      = errors.New("the sandbox has as many processes as it may have; remove some that have ended")
	ErrNoProcess = errors.New("there is no such process")
)

// A Kept is a process that others may ask for.
type Kept struct {
	word     string
	conn     *Conn
	listener *os.File
	fs       *proc.FS
}

// Keep has the first process know a process. id is one that commands do not know, or they could have its socket's name.
func Keep(fs *proc.FS, id string) (*Kept, error) {
	var chance [wordBytes]byte
	if n, err := unix.Getrandom(chance[:], 0); err != nil || n < len(chance) {
		return nil, errors.Join(err, errors.New("no random numbers"))
	}
	k := &Kept{word: hex.EncodeToString(chance[:]), fs: fs}
	name, err := Name(fs)
	if err != nil {
		return nil, err
	}
	if k.listener, err = Listen(name + "/" + id); err != nil {
		return nil, err
	}
	k.conn, err = Dial(fs, Register{Process: &Process{ID: id, Word: k.word}})
	if err == nil {
		switch answer := k.conn.Welcome.Answer; {
		case answer == nil:
			err = ErrNoAnswer
		case answer.Taken:
			err = ErrTaken
		case answer.Full:
			err = ErrFull
		}
	}
	if err != nil {
		k.Forget()
		return nil, err
	}
	return k, nil
}

// Stopping returns when the sandbox is being stopped, or the process was forgotten.
func (k *Kept) Stopping() { k.conn.Stopping() }

// Forget takes the process off the list. Nobody finds it any more when it returns.
func (k *Kept) Forget() {
	if k.conn != nil {
		if raw, err := k.conn.file.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
		}
		_ = k.conn.file.SetReadDeadline(time.Now().Add(patience))
		k.conn.Stopping()
	}
	_ = k.listener.Close()
}

// Accept calls serve, in a goroutine of its own, for each supervisor that asks. It returns when the process is forgotten. Whoever does not know the word is
// hung up on.
func (k *Kept) Accept(serve func(*os.File)) {
	raw, err := k.listener.SyscallConn()
	if err != nil {
		return
	}
	for {
		fd, failed, err := Accept(raw)
		if err != nil {
			return
		}
		if failed != nil { // out of descriptors or memory
			time.Sleep(10 * time.Millisecond)
			continue
		}
		// Those who could never know it are not even listened to.
		if pid, err := PeerPID(fd); err != nil || !k.fs.IsSupervisor(pid) {
			unix.Close(fd)
			continue
		}
		go k.hear(os.NewFile(uintptr(fd), "asker"), serve)
	}
}

func (k *Kept) hear(file *os.File, serve func(*os.File)) {
	defer file.Close()
	said := make([]byte, wordLength)
	_ = file.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(file, said); err == nil && string(said) == k.word {
		_ = file.SetReadDeadline(time.Time{})
		serve(file)
	}
}

// Processes lists the ids of those that are kept, the oldest first.
func Processes(fs *proc.FS) ([]string, error) {
	answer, err := ask(fs, Process{})
	return answer.IDs, err
}

// Ask connects to the supervisor of a process. Errors are ErrNoProcess, and others.
func Ask(fs *proc.FS, id string) (*os.File, error) {
	answer, err := ask(fs, Process{ID: id})
	if err != nil {
		return nil, err
	}
	if answer.PID == 0 {
		return nil, ErrNoProcess
	}
	name, err := Name(fs)
	if err != nil {
		return nil, err
	}
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		file, err := connect(name+"/"+id, answer.PID)
		if err == nil {
			if _, err = io.WriteString(file, answer.Word); err == nil {
				return file, nil
			}
			file.Close()
		}
		if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, errImpostor) {
			return nil, ErrNoProcess // it is gone
		}
		if time.Now().After(until) {
			return nil, err
		}
	}
}

func ask(fs *proc.FS, about Process) (Answer, error) {
	c, err := Dial(fs, Register{Process: &about})
	if err != nil {
		return Answer{}, err
	}
	defer c.file.Close()
	if c.Welcome.Answer == nil {
		return Answer{}, ErrNoAnswer
	}
	return *c.Welcome.Answer, nil
}

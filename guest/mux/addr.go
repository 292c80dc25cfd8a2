package mux

import "net"

var _ net.Conn = (*Stream)(nil)

// addr is a stream's address.
type addr string

func (addr) Network() string  { return "sandlot" }
func (a addr) String() string { return string(a) }

// LocalAddr names the stream: network "sandlot", and its number.
func (st *Stream) LocalAddr() net.Addr { return addr(decimal(int(st.id))) }

// RemoteAddr is the same as LocalAddr: both ends know a stream by its number.
func (st *Stream) RemoteAddr() net.Addr { return st.LocalAddr() }

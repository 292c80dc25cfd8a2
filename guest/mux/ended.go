package mux

// Ended says whether nothing more comes from the other end, but what has come already: it has ended its half, or the stream or the session
// has ended.
func (st *Stream) Ended() bool {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	return st.gotEnd || st.closed || st.err != nil
}

// Package differ drives two runtimes with the same random sequence of operations, valid ones and others, and compares all that a user can
// see of them: results, kinds of errors, files, descriptions. What the conformance suite's cases did not think of shows here.
//
// A sequence is made of a seed, always the same one, and is plain data. Where the runtimes differ it is shortened to the
// least that still shows the difference, and printed as a case of the suite and as JSON to replay.
//
// Engine's own words, ids, random names and ports, process ids and the time now are not compared. What only one of the
// runtimes declares to be capable of is left out, and the report says so.
package differ

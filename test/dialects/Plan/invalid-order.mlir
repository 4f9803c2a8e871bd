// RUN: mm1-opt %s --split-input-file --verify-diagnostics
// What an entry promises about order: constraints C4, C5, C8 and C9 of plan.entry. `host_call` stands for any step.

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @read_before_write_c4 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{reads a buffer that nothing wrote before}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @update_before_write_c4 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{reads a buffer that nothing wrote before}}
  plan.host_call "f" (update %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

// An output is no input: the session has not written it.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @read_of_output_c4 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer output "y" at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{reads a buffer that nothing wrote before}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @read_in_other_stream_c4 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  // expected-error @+1 {{is not ordered behind a write of the buffer it touches}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1 stream = 1
}

// -----

// The signal is given before the write, so waiting for it proves nothing.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @signal_too_early_c4 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.signal 1
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.wait 1 stream = 1
  // expected-error @+1 {{is not ordered behind a write of the buffer it touches}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1 stream = 1
}

// -----

// Correct: order passes through a third stream. And the next write waits for the reader.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @ordered_through_three_streams decode tokens = 2 sequences = 2 stage = 0 {
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.signal 1
  plan.wait 1 stream = 2
  plan.signal 2 stream = 2
  plan.wait 2 stream = 1
  plan.host_call "f" (read %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1 stream = 1
  plan.signal 3 stream = 1
  plan.wait 3
  plan.host_call "f" (write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @write_under_reader_c4 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.signal 1
  plan.wait 1 stream = 1
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1 stream = 1
  // expected-error @+1 {{is not ordered behind a read of the buffer it writes}}
  plan.host_call "f" (write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @one_step_both_c4 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  // expected-error @+1 {{reads and writes the same buffer}}
  plan.host_call "f" (read %y : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
mm1.state recurrent @s : tensor<?x1x4x4xf32>
plan.entry @states_are_ordered_c4 decode tokens = 2 sequences = 2 stage = 0 {
  %s = plan.state_ref @s : tensor<?x1x4x4xf32>
  %again = plan.state_ref @s : tensor<?x1x4x4xf32>
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (update %s : tensor<?x1x4x4xf32>) tasks = 1 unit = one per = 1
  // expected-error @+1 {{is not ordered behind another step that touches @s}}
  plan.host_call "f" (read %again : tensor<?x1x4x4xf32>) tasks = 1 unit = one per = 1 stream = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @wait_above_signal_c5 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-error @+1 {{expects a 'plan.signal 1' above it}}
  plan.wait 1 stream = 1
  plan.signal 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @signal_twice_c5 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{first given here}}
  plan.signal 1
  // expected-error @+1 {{repeats number 1}}
  plan.signal 1 stream = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @silent_output_c8 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-error @+1 {{is the output 'y', but no step writes it}}
  %y = plan.buffer output "y" at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
}

// -----

// Copies and collectives are steps like others.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @copy_c4 decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-note @+1 {{the other step is here}}
  plan.copy (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
  // expected-error @+1 {{is not ordered behind a write of the buffer it touches}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) tasks = 1 unit = one per = 1 stream = 1
}

// -----

// Two streams, and nothing says which collective comes first: rank 0 could sum y while rank 1 sums z.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1"
plan.entry @collectives_c9 decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  %z = plan.buffer at 512 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-note @+1 {{the other is here}}
  plan.collective all_reduce [tp] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
  // expected-error @+1 {{is not ordered behind the collective above it: ranks could come to them in another order}}
  plan.collective all_reduce [tp] (read %x : tensor<?x32xf32>, write %z : tensor<?x32xf32>) stream = 1
}

// -----

// Correct: the second stream waits.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1"
plan.entry @ordered_collectives decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  %z = plan.buffer at 512 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.collective all_reduce [tp] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
  plan.signal 1
  plan.wait 1 stream = 1
  plan.collective all_reduce [tp] (read %x : tensor<?x32xf32>, write %z : tensor<?x32xf32>) stream = 1
}

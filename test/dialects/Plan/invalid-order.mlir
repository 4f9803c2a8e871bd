// RUN: mm1-opt %s --split-input-file --verify-diagnostics
// What an entry promises about order: constraints C4, C5 and C8 of plan.entry. `host_call` stands for any step.

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @read_before_write_c4 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{reads a buffer that nothing wrote before}}
  plan.host_call "f" (read %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @update_before_write_c4 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{reads a buffer that nothing wrote before}}
  plan.host_call "f" (update %y : tensor<?x32xf32>)
}

// -----

// An output is no input: the session has not written it.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @read_of_output_c4 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer output "y" at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{reads a buffer that nothing wrote before}}
  plan.host_call "f" (read %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @read_in_other_stream_c4 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (write %y : tensor<?x32xf32>)
  // expected-error @+1 {{is not ordered behind a write of the buffer it touches}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) stream = 1
}

// -----

// The signal is given before the write, so waiting for it proves nothing.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @signal_too_early_c4 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.signal 1
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (write %y : tensor<?x32xf32>)
  plan.wait 1 stream = 1
  // expected-error @+1 {{is not ordered behind a write of the buffer it touches}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) stream = 1
}

// -----

// Correct: order passes through a third stream. And the next write waits for the reader.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @ordered_through_three_streams decode tokens = 2 sequences = 2 rank = 0 {
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %y : tensor<?x32xf32>)
  plan.signal 1
  plan.wait 1 stream = 2
  plan.signal 2 stream = 2
  plan.wait 2 stream = 1
  plan.host_call "f" (read %y : tensor<?x32xf32>) stream = 1
  plan.signal 3 stream = 1
  plan.wait 3
  plan.host_call "f" (write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @write_under_reader_c4 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %y : tensor<?x32xf32>)
  plan.signal 1
  plan.wait 1 stream = 1
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (read %y : tensor<?x32xf32>) stream = 1
  // expected-error @+1 {{is not ordered behind a read of the buffer it writes}}
  plan.host_call "f" (write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @one_step_both_c4 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{the buffer is here, at 256}}
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %y : tensor<?x32xf32>)
  // expected-error @+1 {{reads and writes the same buffer}}
  plan.host_call "f" (read %y : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
mm1.state recurrent @s : tensor<?x1x4x4xf32>
plan.entry @states_are_ordered_c4 decode tokens = 2 sequences = 2 rank = 0 {
  %s = plan.state_ref @s : tensor<?x1x4x4xf32>
  %again = plan.state_ref @s : tensor<?x1x4x4xf32>
  // expected-note @+1 {{the other step is here}}
  plan.host_call "f" (update %s : tensor<?x1x4x4xf32>)
  // expected-error @+1 {{is not ordered behind another step that touches @s}}
  plan.host_call "f" (read %again : tensor<?x1x4x4xf32>) stream = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @wait_above_signal_c5 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-error @+1 {{expects a 'plan.signal 1' above it}}
  plan.wait 1 stream = 1
  plan.signal 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @signal_twice_c5 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{first given here}}
  plan.signal 1
  // expected-error @+1 {{repeats number 1}}
  plan.signal 1 stream = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640
plan.entry @silent_output_c8 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-error @+1 {{is the output 'y', but no step writes it}}
  %y = plan.buffer output "y" at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
}

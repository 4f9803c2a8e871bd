// RUN: mm1-opt %s --split-input-file --verify-diagnostics
// What an entry promises about memory: constraints C3, C6 and C7 of plan.entry.

// Both buffers are in use between the first and the third step, and share the bytes 256..511.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @overlap_c3 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the other buffer is here}}
  %a = plan.buffer at 192 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{lies at [256, 512) while another buffer is in use at [192, 448)}}
  %b = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (write %b : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (read %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

// One step reads %a and writes %b: they may not share bytes either.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @overlap_in_one_step_c3 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the other buffer is here}}
  %a = plan.buffer at 192 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{lies at [256, 512) while another buffer is in use at [192, 448)}}
  %b = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (read %a : tensor<?x32xf32>, write %b : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

// Correct: %b starts when %a is done with.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @reuse decode tokens = 2 sequences = 2 stage = 0 {
  %a = plan.buffer at 192 bytes = 256 rows = 2 : tensor<?x32xf32>
  %b = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (read %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (write %b : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

// The same in two streams that nothing orders.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @overlap_in_streams_c3 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the other buffer is here}}
  %a = plan.buffer at 192 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{lies at [256, 512) while another buffer is in use at [192, 448)}}
  %b = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (write %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (read %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (write %b : tensor<?x32xf32>) tasks = 1 unit = one per = 1 stream = 1
}

// -----

// A named buffer is in use throughout, even when its last step is over.
plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @overlap_with_port_c3 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{the other buffer is here}}
  %a = plan.buffer input "a" at 192 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{lies at [256, 512) while another buffer is in use at [192, 448)}}
  %b = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  plan.host_call "f" (read %a : tensor<?x32xf32>) tasks = 1 unit = one per = 1
  plan.host_call "f" (write %b : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @outside_c6 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-error @+1 {{ends at 704, but the arena has 640 bytes}}
  %a = plan.buffer at 448 bytes = 256 rows = 2 : tensor<?x32xf32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @name_twice_c7 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{it stands here}}
  %a = plan.buffer input "a" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{names 'a' again}}
  %b = plan.buffer input "a" at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
}

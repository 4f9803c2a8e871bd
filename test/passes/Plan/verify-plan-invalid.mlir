// RUN: mm1-opt %s --mm1-verify-plan --split-input-file --verify-diagnostics
// What all entries of a plan must keep together. What one entry keeps alone: test/dialects/Plan.

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1"
// expected-error @+1 {{is left in a module that is planned}}
func.func private @decode()

// -----

// expected-error @+1 {{expects a 'plan.limits'; run mm1-lower-to-plan first}}
module {}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1"
plan.entry @decode_1 decode tokens = 1 sequences = 1 stage = 0 {
  // expected-note @+1 {{the other entry's buffer is here}}
  %x = plan.buffer input "tokens" at 0 bytes = 64 rows = 1 : tensor<?xi32>
}
plan.entry @decode_2 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-error @+1 {{places 'tokens' at 64 as 'tensor<?xi32>', but another entry has it at 0 as 'tensor<?xi32>'}}
  %x = plan.buffer input "tokens" at 64 bytes = 64 rows = 2 : tensor<?xi32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1"
plan.entry @head_2 head tokens = 2 sequences = 2 stage = 0 {
  // expected-note @+1 {{'hidden' is here}}
  %x = plan.buffer input "hidden" at 128 bytes = 256 rows = 2 : tensor<?x32xf32>
}
plan.entry @decode_2 decode tokens = 2 sequences = 2 stage = 0 {
  // expected-error @+1 {{lies on 'hidden' of another entry}}
  %x = plan.buffer at 320 bytes = 64 rows = 2 : tensor<?xi32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1"
// expected-note @+1 {{the first is here}}
plan.entry @a decode tokens = 2 sequences = 2 stage = 0 {
}
// expected-error @+1 {{is a second entry for this bucket and stage}}
plan.entry @b decode tokens = 2 sequences = 2 stage = 0 {
}

// -----

module attributes {mm1.ranks = 2 : i64} {
  plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1" grid = [2, 1, 1]
  // expected-error @+1 {{exists in 1 of 2 pipeline stages; expects all of them}}
  plan.entry @a decode tokens = 2 sequences = 2 stage = 0 {
  }
}

// -----

// The head is the last stage's.
module attributes {mm1.ranks = 2 : i64} {
  plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024 candidates = 8 page_image = "cpu-1" grid = [2, 1, 1]
  plan.entry @a head tokens = 2 sequences = 2 stage = 1 {
  }
  // expected-error @+1 {{exists in 1 of 2 pipeline stages; expects the last alone}}
  plan.entry @b head tokens = 1 sequences = 1 stage = 0 {
  }
}

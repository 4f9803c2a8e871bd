// RUN: mm1-opt %s --mm1-verify-plan --split-input-file --verify-diagnostics
// What all entries of a plan must keep together. What one entry keeps alone: test/dialects/Plan.

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024
// expected-error @+1 {{is left in a module that is planned}}
func.func private @decode()

// -----

// expected-error @+1 {{expects a 'plan.limits'; run mm1-lower-to-plan first}}
module {}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024
plan.entry @decode_1 decode tokens = 1 sequences = 1 rank = 0 {
  // expected-note @+1 {{the other entry's buffer is here}}
  %x = plan.buffer input "tokens" at 0 bytes = 64 rows = 1 : tensor<?xi32>
}
plan.entry @decode_2 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-error @+1 {{places 'tokens' at 64 as 'tensor<?xi32>', but another entry has it at 0 as 'tensor<?xi32>'}}
  %x = plan.buffer input "tokens" at 64 bytes = 64 rows = 2 : tensor<?xi32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024
plan.entry @head_2 head tokens = 2 sequences = 2 rank = 0 {
  // expected-note @+1 {{'hidden' is here}}
  %x = plan.buffer input "hidden" at 128 bytes = 256 rows = 2 : tensor<?x32xf32>
}
plan.entry @decode_2 decode tokens = 2 sequences = 2 rank = 0 {
  // expected-error @+1 {{lies on 'hidden' of another entry}}
  %x = plan.buffer at 320 bytes = 64 rows = 2 : tensor<?xi32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024
// expected-note @+1 {{the first is here}}
plan.entry @a decode tokens = 2 sequences = 2 rank = 0 {
}
// expected-error @+1 {{is a second entry for this bucket and rank}}
plan.entry @b decode tokens = 2 sequences = 2 rank = 0 {
}

// -----

module attributes {mm1.ranks = 2 : i64} {
  plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 1024
  // expected-error @+1 {{exists on 1 of 2 ranks}}
  plan.entry @a decode tokens = 2 sequences = 2 rank = 0 {
  }
}

// -----

// Rank 0 sums first, rank 1 gathers first: both would wait for ever.
module attributes {mm1.ranks = 2 : i64} {
  plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 2048
  plan.entry @a decode tokens = 2 sequences = 2 rank = 0 {
    %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
    %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
    %z = plan.buffer at 512 bytes = 512 rows = 2 : tensor<?x64xf32>
    // expected-error @+1 {{is number 0 that ranks [0, 1] run together, but rank 1 runs another there or none}}
    plan.collective all_reduce ranks = [0, 1] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
    plan.collective all_gather ranks = [0, 1] (read %x : tensor<?x32xf32>, write %z : tensor<?x64xf32>)
  }
  // expected-note @+1 {{the other rank's entry is here}}
  plan.entry @b decode tokens = 2 sequences = 2 rank = 1 {
    %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
    %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
    %z = plan.buffer at 512 bytes = 512 rows = 2 : tensor<?x64xf32>
    plan.collective all_gather ranks = [0, 1] (read %x : tensor<?x32xf32>, write %z : tensor<?x64xf32>)
    plan.collective all_reduce ranks = [0, 1] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
  }
}

// -----

// Rank 1 does not come at all.
module attributes {mm1.ranks = 2 : i64} {
  plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 2048
  plan.entry @a decode tokens = 2 sequences = 2 rank = 0 {
    %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
    %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
    // expected-error @+1 {{is number 0 that ranks [0, 1] run together, but rank 1 runs another there or none}}
    plan.collective all_reduce ranks = [0, 1] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
  }
  // expected-note @+1 {{the other rank's entry is here}}
  plan.entry @b decode tokens = 2 sequences = 2 rank = 1 {
  }
}

// RUN: mm1-opt %s --split-input-file --verify-diagnostics
// Constraints of single ops, by the labels of PlanOps.td. What an entry must keep as a whole: invalid-order.mlir,
// invalid-memory.mlir.

// limits C1
// expected-error @+1 {{expects a positive "max_context", found 0}}
plan.limits max_sequences = 1 max_context = 0 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = "cpu-1"

// -----

plan.limits max_sequences = 1 max_context = 1 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = "cpu-1"
// limits C2
// expected-error @+1 {{stands twice in one module}}
plan.limits max_sequences = 1 max_context = 1 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = "cpu-1"

// -----

// limits C1
// expected-error @+1 {{expects a not negative "spare_pages", found -1}}
plan.limits max_sequences = 1 max_context = 1 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = "cpu-1" spare_pages = -1

// -----

// limits C3
// expected-error @+1 {{expects a grid of three positive sizes, [pp, ep, tp], found [1, 2]}}
plan.limits max_sequences = 1 max_context = 1 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = "cpu-1" grid = [1, 2]

// -----

// limits C3
// expected-error @+1 {{expects a grid of three positive sizes, [pp, ep, tp], found [1, 0, 2]}}
plan.limits max_sequences = 1 max_context = 1 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = "cpu-1" grid = [1, 0, 2]

// -----

// limits C3
// expected-error @+1 {{has a grid of 4 ranks, but the module is for 1}}
plan.limits max_sequences = 1 max_context = 1 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = "cpu-1" grid = [1, 2, 2]

// -----

// limits C4
// expected-error @+1 {{expects the name of a page image}}
plan.limits max_sequences = 1 max_context = 1 max_prefill = 1 page_tokens = 64 pages = 1 arena_bytes = 64 candidates = 8 page_image = ""

// -----

// kernel_module C1
// expected-error @+1 {{expects an architecture on a cuda module}}
plan.kernel_module @m cuda

// -----

// kernel_module C1
// expected-error @+1 {{expects no architecture on a cpu module}}
plan.kernel_module @m cpu arch = "x86-64-v3"

// -----

// kernel_module C2
// expected-error @+1 {{is no build for the host: it is for a GPU itself}}
plan.kernel_module @m cuda arch = "sm_90a" host_of = @m

// -----

plan.kernel_module @other cpu
// kernel_module C2
// expected-error @+1 {{expects @other to name a cuda 'plan.kernel_module' above}}
plan.kernel_module @m cpu host_of = @other

// -----

// kernel C1
// expected-error @+1 {{expects a body with an 'mm1.cluster', or 'builtin'}}
plan.kernel @k in @kernels

// -----

// kernel C1
// expected-error @+1 {{is a builtin and has a body}}
plan.kernel @k in @kernels builtin begin (write "tokens" tensor<?xi32>) {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}

// -----

// kernel C1
// expected-error @+1 {{expects ports, one access and one type for each}}
plan.kernel @k in @kernels builtin publish ()

// -----

// kernel C1
// expected-error @+1 {{names port 'tokens' twice}}
plan.kernel @k in @kernels builtin begin (write "tokens" tensor<?xi32>, write "tokens" tensor<?xi32>)

// -----

// kernel C3
// expected-error @+1 {{expects @kernels to name a 'plan.kernel_module'}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}

// -----

plan.kernel_module @kernels cpu
// kernel C4
// expected-error @+1 {{is a builtin, but kernels of a cpu have a cluster and follow one another}}
plan.kernel @k in @kernels builtin begin (write "tokens" tensor<?xi32>)

// -----

plan.kernel_module @kernels cpu
// kernel C4
// expected-error @+1 {{is said to wait, but kernels of a cpu have a cluster and follow one another}}
plan.kernel @k in @kernels waits {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}

// -----

// kernel C1
// expected-error @+1 {{expects exactly one op, an 'mm1.cluster'}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.silu %x : tensor<?x32xf32>
}

// -----

// kernel C2
// expected-error @+1 {{expects the cluster's inputs to be the block's arguments, in order}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>):
  %z = mm1.cluster elementwise (%y, %x) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<?x32xf32>):
    %0 = mm1.mul %a, %b : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}

// -----

plan.limits max_sequences = 1 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e prefill tokens = 2 sequences = 1 stage = 0 {
  // buffer C1
  // expected-error @+1 {{expects an offset that is a multiple of 64, found 32}}
  %x = plan.buffer at 32 bytes = 256 rows = 2 : tensor<?x32xf32>
}

// -----

plan.limits max_sequences = 1 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e prefill tokens = 2 sequences = 1 stage = 0 {
  // buffer C2: 33 columns are stored in rows of 64, 2 * 64 * 4 bytes
  // expected-error @+1 {{expects 512 bytes for 2 rows of 'tensor<?x33xf32>', found 264}}
  %x = plan.buffer at 0 bytes = 264 rows = 2 : tensor<?x33xf32>
}

// -----

plan.limits max_sequences = 1 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
// entry C1
plan.entry @e prefill tokens = 2 sequences = 1 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{stands in a 'plan.entry', which holds steps, buffers, weights and states only}}
  %y = mm1.silu %x : tensor<?x32xf32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
// entry C2
// expected-error @+1 {{expects between 1 and 2 tokens, found 3}}
plan.entry @e decode tokens = 3 sequences = 3 stage = 0 {
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
// entry C2
// expected-error @+1 {{expects between 1 and 2 sequences, found 3}}
plan.entry @e prefill tokens = 4 sequences = 3 stage = 0 {
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
// entry C2
// expected-error @+1 {{decodes one token a sequence, but has 2 tokens and 1 sequences}}
plan.entry @e decode tokens = 2 sequences = 1 stage = 0 {
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
// entry C2
// expected-error @+1 {{is for stage 1 of 1}}
plan.entry @e decode tokens = 2 sequences = 2 stage = 1 {
}

// -----

// entry C2
// expected-error @+1 {{expects a 'plan.limits' in its module}}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  // weight_ref C1
  // expected-error @+1 {{expects @w to name an 'mm1.weight'}}
  %w = plan.weight_ref @w : tensor<32x32xf32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
// expected-note @+1 {{@s declared here}}
mm1.state recurrent @s : tensor<?x1x4x4xf32>
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  // state_ref C1
  // expected-error @+1 {{has type 'tensor<?x2x4x4xf32>', but @s is 'tensor<?x1x4x4xf32>'}}
  %s = plan.state_ref @s : tensor<?x2x4x4xf32>
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C1
  // expected-error @+1 {{expects @k to name a 'plan.kernel'}}
  plan.launch @k (read %x : tensor<?x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
// launch C2
plan.entry @number_c2 decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{passes 1 arguments, but k takes 2}}
  plan.launch @k (read %x : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
// launch C2
plan.entry @type_c2 decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 128 rows = 2 : tensor<?x32xbf16>
  // expected-error @+1 {{passes an argument 1 of another type: expects 'tensor<?x32xf32>', found 'tensor<?x32xbf16>'}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
// launch C2
plan.entry @access_c2 decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer input "y" at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // expected-error @+1 {{passes argument 1 to read, but k is to write it}}
  plan.launch @k (read %x : tensor<?x32xf32>, read %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C3
  // expected-error @+1 {{expects a positive grid, found tasks = 0 per = 1}}
  plan.launch @k (read %x : tensor<?x32xf32>) tasks = 0 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) schedule {tasks = 1 : i64, unit = "tokens", per = 4 : i64}
      : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C3
  // expected-error @+1 {{has another grid than its kernel's schedule: expects tasks = 1 unit = tokens per = 4}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
mm1.weight @w : tensor<2x32xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<2x32xf32>>], steps = []>
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %w = plan.weight_ref @w : tensor<2x32xf32>
  // launch C4
  // expected-error @+1 {{writes argument 0, a weight; weights are only read}}
  plan.launch @k (write %w : tensor<2x32xf32>) tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // collective C1
  // expected-error @+1 {{expects to read one buffer and to write one}}
  plan.collective all_reduce [tp] (write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // collective C2
  // expected-error @+1 {{expects to be over [ep], [tp] or [ep, tp]}}
  plan.collective all_reduce [pp] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // collective C2
  // expected-error @+1 {{expects to be over [ep], [tp] or [ep, tp]}}
  plan.collective all_reduce [tp, ep] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // collective C2
  // expected-error @+1 {{expects to be over [ep], [tp] or [ep, tp]}}
  plan.collective all_reduce [tp, tp] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // collective C2
  // expected-error @+1 {{expects to be over [ep], [tp] or [ep, tp]}}
  plan.collective all_reduce [] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
}

// -----

plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  // collective C2
  // expected-error @+1 {{expects an axis, pp, ep or tp, found 'dp'}}
  plan.collective all_reduce [dp] ()
}

// -----

module attributes {mm1.ranks = 6 : i64} {
  plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 2048 candidates = 8 page_image = "cpu-1" grid = [1, 2, 3]
  plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
    %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
    %y = plan.buffer at 256 bytes = 768 rows = 2 : tensor<?x96xf32>
    plan.collective all_gather [tp] (read %x : tensor<?x32xf32>, write %y : tensor<?x96xf32>)
    // collective C3
    // expected-error @+1 {{expects to write 'tensor<?x192xf32>', found 'tensor<?x96xf32>'}}
    plan.collective all_gather [ep, tp] (read %x : tensor<?x32xf32>, write %y : tensor<?x96xf32>)
  }
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
mm1.weight @w : tensor<2x32xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<2x32xf32>>], steps = []>
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %w = plan.weight_ref @w : tensor<2x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 0 : tensor<2x32xf32>
  // collective C4
  // expected-error @+1 {{expects arguments from 'plan.buffer'}}
  plan.collective all_reduce [tp] (read %w : tensor<2x32xf32>, write %y : tensor<2x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // copy C1
  // expected-error @+1 {{expects to read one buffer and to write one}}
  plan.copy (update %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 128 rows = 1 : tensor<?x32xf32>
  // copy C1
  // expected-error @+1 {{copies 256 bytes of 'tensor<?x32xf32>' to 128 bytes of 'tensor<?x32xf32>'}}
  plan.copy (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x64xbf16>
  // copy C1
  // expected-error @+1 {{copies 256 bytes of 'tensor<?x32xf32>' to 256 bytes of 'tensor<?x64xbf16>'}}
  plan.copy (read %x : tensor<?x32xf32>, write %y : tensor<?x64xbf16>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
mm1.weight @w : tensor<2x32xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<2x32xf32>>], steps = []>
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %w = plan.weight_ref @w : tensor<2x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 0 : tensor<2x32xf32>
  // copy C2
  // expected-error @+1 {{expects arguments from 'plan.buffer'}}
  plan.copy (read %w : tensor<2x32xf32>, write %y : tensor<2x32xf32>)
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  // host_call C1
  // expected-error @+1 {{expects the name of a function}}
  plan.host_call "" () tasks = 1 unit = one per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
mm1.state recurrent @s : tensor<?x1x4x4xf32>
mm1.weight @w : tensor<1xf32> = #mm1.recipe<sources = [#mm1.source<"s" : tensor<1xf32>>], steps = []>
// The state is written, also where its next value is not yielded.
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x12xf32>, %w: tensor<1xf32>, %s: tensor<?x1x4x4xf32>, %v: tensor<?xi32>):
  %y = mm1.cluster recurrence (%x, %w, %s, %v)
      : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>) -> tensor<?x4xf32> {
  ^bb0(%a: tensor<?x12xf32>, %b: tensor<1xf32>, %c: tensor<?x1x4x4xf32>, %d: tensor<?xi32>):
    %0, %1 = mm1.lightning_attention %a, %b, %c batch(%d, %d, %d)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>)
    mm1.yield %0 : tensor<?x4xf32>
  }
}
// launch C2
plan.entry @dropped_state_c2 decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x12xf32>
  %v = plan.buffer input "v" at 256 bytes = 64 rows = 2 : tensor<?xi32>
  %w = plan.weight_ref @w : tensor<1xf32>
  %s = plan.state_ref @s : tensor<?x1x4x4xf32>
  %y = plan.buffer at 320 bytes = 256 rows = 2 : tensor<?x4xf32>
  // expected-error @+1 {{passes argument 2 to read, but k is to update it}}
  plan.launch @k (read %x : tensor<?x12xf32>, read %w : tensor<1xf32>, read %s : tensor<?x1x4x4xf32>, read %v : tensor<?xi32>,
      write %y : tensor<?x4xf32>) tasks = 1 unit = sequences per = 1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) schedule {grain = 1 : i64} : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C3
  // expected-error @+1 {{has another grain than its kernel's schedule: expects 1}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 grain = 2
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C6
  // expected-error @+1 {{expects grain from 0 on, found -1}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 grain = -1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C6
  // expected-error @+1 {{expects threads from 0 on, found -1}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 threads = -1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C6
  // expected-error @+1 {{expects shared_bytes from 0 on, found -1}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 shared_bytes = -1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C6
  // expected-error @+1 {{expects workspace_bytes from 0 on, found -1}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 workspace_bytes = -1
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cuda arch = "sm_90a"
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C7
  // expected-error @+1 {{starts early, but k does not wait for what it reads}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 threads = 32 early_start
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C8
  // expected-error @+1 {{has a block of a GPU, but k runs on a cpu: expects no threads, shared_bytes and workspace_bytes}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 threads = 32
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C8
  // expected-error @+1 {{has a block of a GPU, but k runs on a cpu: expects no threads, shared_bytes and workspace_bytes}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 shared_bytes = 32
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cpu
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C8
  // expected-error @+1 {{has a block of a GPU, but k runs on a cpu: expects no threads, shared_bytes and workspace_bytes}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 workspace_bytes = 64
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.kernel_module @kernels cuda arch = "sm_90a"
// expected-note @+1 {{@k is here}}
plan.kernel @k in @kernels {
^bb0(%x: tensor<?x32xf32>):
  %y = mm1.cluster elementwise (%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = mm1.silu %a : tensor<?x32xf32>
    mm1.yield %0 : tensor<?x32xf32>
  }
}
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
  %y = plan.buffer at 256 bytes = 256 rows = 2 : tensor<?x32xf32>
  // launch C8
  // expected-error @+1 {{expects the threads of a block: k runs on a GPU}}
  plan.launch @k (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>) tasks = 1 unit = tokens per = 1 
}

// -----

plan.limits max_sequences = 2 max_context = 1 max_prefill = 4 page_tokens = 64 pages = 1 arena_bytes = 640 candidates = 8 page_image = "cpu-1"
plan.entry @e decode tokens = 2 sequences = 2 stage = 0 {
  // host_call C3
  // expected-error @+1 {{expects a positive grid, found tasks = 1 per = 0}}
  plan.host_call "f" () tasks = 1 unit = one per = 0
}

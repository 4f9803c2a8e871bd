// RUN: mm1-opt %s --mm1-verify-fused --split-input-file --verify-diagnostics

func.func @left_outside(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @below {{'mm1.silu' op sits in no cluster: mm1-form-clusters found no kernel for it}}
  %y = mm1.silu %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

func.func @no_schedule(%a: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.cluster' op has no schedule (mm1-schedule-clusters sets it)}}
  %y = mm1.cluster elementwise (%a) : (tensor<?x64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>):
    %0 = mm1.silu %x : tensor<?x64xf32>
    mm1.yield %0 : tensor<?x64xf32>
  }
  return
}

// -----

mm1.weight @w : tensor<64xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<64xf32>>], steps = []>
func.func @no_layout() {
  // expected-error @below {{'mm1.load_weight' op loads @w without a layout, 'tensor<64xf32>' (mm1-tile-weights chooses it)}}
  %w = mm1.load_weight @w : tensor<64xf32>
  return
}

// -----

// combine reads its operand at other places than its own.
func.func @epilogue_out_of_place(%h: tensor<?x2x96xf32>, %o: tensor<?x2xi32>, %w: tensor<4x64x96xf32>,
                                 %rw: tensor<?x2xf32>) {
  // expected-note @below {{in this cluster}}
  %y = mm1.cluster grouped_matmul (%h, %o, %w, %rw) schedule {}
      : (tensor<?x2x96xf32>, tensor<?x2xi32>, tensor<4x64x96xf32>, tensor<?x2xf32>) -> tensor<?x64xf32> {
  ^bb0(%a: tensor<?x2x96xf32>, %b: tensor<?x2xi32>, %d: tensor<4x64x96xf32>, %e: tensor<?x2xf32>):
    %0 = mm1.expert_linear %a, %b weights(%d)
        : (tensor<?x2x96xf32>, tensor<?x2xi32>, tensor<4x64x96xf32>) -> tensor<?x2x64xf32>
    // expected-error @below {{'mm1.combine' op has no kernel on target 'cpu': it cannot be epilogue of 'mm1.expert_linear': operand 0 is not in a register at its place}}
    %1 = mm1.combine %0, %e : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
    mm1.yield %1 : tensor<?x64xf32>
  }
  return
}

// -----

// An epilogue op reads what the prologue made: that is gone when it runs.
func.func @epilogue_reads_prologue(%a: tensor<?x64xf32>, %w: tensor<64xf32>) {
  // expected-note @below {{in this cluster}}
  %y = mm1.cluster row_reduction (%a, %w) schedule {} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>, %v: tensor<64xf32>):
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.rms_norm %0, %v eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    // expected-error @below {{'mm1.mul' op has no kernel on target 'cpu': it cannot be epilogue of 'mm1.rms_norm': operand 0 is not in a register at its place}}
    %2 = mm1.mul %0, %1 : tensor<?x64xf32>
    mm1.yield %2 : tensor<?x64xf32>
  }
  return
}

// -----

func.func @anchor_takes_no_prologue(%a: tensor<?x64xf32>, %w: tensor<32x64xf32>) {
  // expected-note @below {{in this cluster}}
  %y = mm1.cluster matmul (%a, %w) schedule {} : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32> {
  ^bb0(%x: tensor<?x64xf32>, %v: tensor<32x64xf32>):
    // expected-error @below {{'mm1.silu' op has no kernel on target 'cpu': it cannot be prologue of 'mm1.linear': it does not take operand 0 from a register}}
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.linear %0 weights(%v) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    mm1.yield %1 : tensor<?x32xf32>
  }
  return
}

// -----

// Rotation reads its partner column: the scale below it would have to run twice.
func.func @prologue_out_of_place(%q: tensor<?x64xf32>, %cos: tensor<?x4xf32>) {
  // expected-note @below {{in this cluster}}
  %y = mm1.cluster elementwise (%q, %cos) schedule {} : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>, %c: tensor<?x4xf32>):
    // expected-error @below {{'mm1.silu' op has no kernel on target 'cpu': it cannot be prologue of 'mm1.rope': it does not take operand 0 from a register}}
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.rope %0, %c, %c head_dim = 16 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
    mm1.yield %1 : tensor<?x64xf32>
  }
  return
}

// -----

// Two shapes in one elementwise cluster.
func.func @shapes_differ(%g: tensor<?x2x64xf32>, %w: tensor<?x2xf32>) {
  // expected-note @below {{in this cluster}}
  %y = mm1.cluster elementwise (%g, %w) schedule {} : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x2x64xf32>, %v: tensor<?x2xf32>):
    // expected-error @below {{'mm1.silu' op has no kernel on target 'cpu': it cannot be prologue of 'mm1.combine'}}
    %0 = mm1.silu %x : tensor<?x2x64xf32>
    %1 = mm1.combine %0, %v : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
    mm1.yield %1 : tensor<?x64xf32>
  }
  return
}

// -----

func.func @prologue_not_stored(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %p: tensor<?x?xi32>) {
  // expected-note @below {{in this cluster}}
  %y:2 = mm1.cluster attention (%q, %cache, %v, %p) schedule {}
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?x?xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  ^bb0(%x: tensor<?x64xf32>, %c: tensor<?x2x2x64x16xf32>, %b: tensor<?xi32>, %d: tensor<?x?xi32>):
    // expected-error @below {{'mm1.silu' op has no kernel on target 'cpu': it cannot be stored: the kernel of 'mm1.softmax_attention' does not store its prologue}}
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.softmax_attention %0, %c batch(%b, %b, %b, %d) scale = 1.0
        : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
    mm1.yield %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return
}

// -----

// Two anchors, which no kernel of a CPU has; one of a GPU has them (test/passes/Fuse/gpu-targets.mlir).
func.func @two_anchors(%a: tensor<?x64xf32>, %n: tensor<64xf32>, %w: tensor<32x64xf32>) {
  // expected-note @below {{in this cluster}}
  %y = mm1.cluster row_reduction, matmul (%a, %n, %w) schedule {}
      : (tensor<?x64xf32>, tensor<64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32> {
  ^bb0(%x: tensor<?x64xf32>, %m: tensor<64xf32>, %v: tensor<32x64xf32>):
    %0 = mm1.rms_norm %x, %m eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    // expected-error @below {{'mm1.linear' op has no kernel on target 'cpu': a cpu kernel has one anchor, and 'mm1.rms_norm' is another}}
    %1 = mm1.linear %0 weights(%v) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    mm1.yield %1 : tensor<?x32xf32>
  }
  return
}

// -----

// Illegal on any machine: with two tokens of one sequence, one token's task would read what another's writes.
func.func @prefill_2(%k: tensor<?x32xf32>, %q: tensor<?x64xf32>, %c: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>,
                     %p: tensor<?x?xi32>) attributes {mm1.entry = "prefill", mm1.tokens = 2 : i64, mm1.sequences = 1 : i64} {
  // expected-note @below {{in this cluster}}
  %y:2 = mm1.cluster cache_append, attention (%k, %q, %c, %v, %p) schedule {}
      : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?x?xi32>)
        -> (tensor<?x2x2x64x16xf32>, tensor<?x64xf32>) {
  ^bb0(%a: tensor<?x32xf32>, %x: tensor<?x64xf32>, %d: tensor<?x2x2x64x16xf32>, %b: tensor<?xi32>, %t: tensor<?x?xi32>):
    %0 = mm1.cache_append %a, %a, %d batch(%b, %b, %b, %t)
        : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xf32>
    // expected-error @below {{'mm1.softmax_attention' op cannot be in one kernel with the others: it reads what 'mm1.cache_append' writes for other tokens of its sequence}}
    %1 = mm1.softmax_attention %x, %0 batch(%b, %b, %b, %t) scale = 1.0
        : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
    mm1.yield %0, %1 : tensor<?x2x2x64x16xf32>, tensor<?x64xf32>
  }
  return
}

// -----

// Illegal too: grouping needs the choices of all tokens.
func.func @grouping_needs_all(%l: tensor<?x4xf32>) {
  // expected-note @below {{in this cluster}}
  %y:2 = mm1.cluster routing, routing (%l) schedule {} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<5xi32>) {
  ^bb0(%a: tensor<?x4xf32>):
    %ids, %w = mm1.router %a : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @below {{'mm1.group_tokens' op cannot be in one kernel with the others: it reads other rows of what 'mm1.router' makes: all of it must be in memory first}}
    %o, %f = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
    mm1.yield %o, %f : tensor<?x2xi32>, tensor<5xi32>
  }
  return
}

// -----

// A CPU's kernels cut contexts at fixed places.
func.func @even_cut(%q: tensor<?x64xf32>, %c: tensor<?x2x2x64x16xf32>, %i: tensor<?xi32>, %p: tensor<?x?xi32>) {
  // expected-note @below {{in this cluster}}
  %y:2 = mm1.cluster attention (%q, %c, %i, %p) schedule {}
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?x?xi32>) -> (tensor<?x2x8xf32>, tensor<?x2x64xf32>) {
  ^bb0(%a: tensor<?x64xf32>, %b: tensor<?x2x2x64x16xf32>, %d: tensor<?xi32>, %e: tensor<?x?xi32>):
    // expected-error @below {{'mm1.attention_partials' op has no kernel on target 'cpu': a cpu kernel cuts contexts at fixed places, and its cut is 'even'}}
    %s, %o = mm1.attention_partials %a, %b batch(%d, %d, %d, %e) scale = 0.25 cut = even
        : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
          -> (tensor<?x2x8xf32>, tensor<?x2x64xf32>)
    mm1.yield %s, %o : tensor<?x2x8xf32>, tensor<?x2x64xf32>
  }
  return
}

// -----

func.func @even_spans(%q: tensor<?x64xf32>, %c: tensor<?x2x2x64x16xf32>, %i: tensor<?xi32>, %p: tensor<?x?xi32>) {
  // expected-note @below {{in this cluster}}
  %y = mm1.cluster attention (%q, %c, %i, %p) schedule {}
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32> {
  ^bb0(%a: tensor<?x64xf32>, %b: tensor<?x2x2x64x16xf32>, %d: tensor<?xi32>, %e: tensor<?x?xi32>):
    // expected-error @below {{'mm1.softmax_attention' op has no kernel on target 'cpu': a cpu kernel cuts contexts at fixed places, and its cut is 'even'}}
    %o = mm1.softmax_attention %a, %b batch(%d, %d, %d, %e) scale = 0.25 even_spans = 2
        : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
    mm1.yield %o : tensor<?x64xf32>
  }
  return
}

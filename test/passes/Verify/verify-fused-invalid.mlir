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
func.func @epilogue_out_of_place(%h: tensor<?x2x96xf32>, %o: tensor<?x2xi32>, %f: tensor<5xi32>, %w: tensor<4x64x96xf32>,
                                 %rw: tensor<?x2xf32>) {
  %y = mm1.cluster grouped_matmul (%h, %o, %f, %w, %rw) schedule {}
      : (tensor<?x2x96xf32>, tensor<?x2xi32>, tensor<5xi32>, tensor<4x64x96xf32>, tensor<?x2xf32>) -> tensor<?x64xf32> {
  ^bb0(%a: tensor<?x2x96xf32>, %b: tensor<?x2xi32>, %c: tensor<5xi32>, %d: tensor<4x64x96xf32>, %e: tensor<?x2xf32>):
    %0 = mm1.expert_linear %a, %b, %c weights(%d)
        : (tensor<?x2x96xf32>, tensor<?x2xi32>, tensor<5xi32>, tensor<4x64x96xf32>) -> tensor<?x2x64xf32>
    // expected-error @below {{'mm1.combine' op cannot be epilogue of 'mm1.expert_linear': operand 0 is not in a register at its place}}
    %1 = mm1.combine %0, %e : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
    mm1.yield %1 : tensor<?x64xf32>
  }
  return
}

// -----

// An epilogue op reads what the prologue made: that is gone when it runs.
func.func @epilogue_reads_prologue(%a: tensor<?x64xf32>, %w: tensor<64xf32>) {
  %y = mm1.cluster row_reduction (%a, %w) schedule {} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>, %v: tensor<64xf32>):
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.rms_norm %0, %v eps = 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    // expected-error @below {{'mm1.mul' op cannot be epilogue of 'mm1.rms_norm': operand 0 is not in a register at its place}}
    %2 = mm1.mul %0, %1 : tensor<?x64xf32>
    mm1.yield %2 : tensor<?x64xf32>
  }
  return
}

// -----

func.func @anchor_takes_no_prologue(%a: tensor<?x64xf32>, %w: tensor<32x64xf32>) {
  %y = mm1.cluster matmul (%a, %w) schedule {} : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32> {
  ^bb0(%x: tensor<?x64xf32>, %v: tensor<32x64xf32>):
    // expected-error @below {{'mm1.silu' op cannot be prologue of 'mm1.linear': it does not take operand 0 from a register}}
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.linear %0 weights(%v) : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    mm1.yield %1 : tensor<?x32xf32>
  }
  return
}

// -----

// Rotation reads its partner column: the scale below it would have to run twice.
func.func @prologue_out_of_place(%q: tensor<?x64xf32>, %cos: tensor<?x4xf32>) {
  %y = mm1.cluster elementwise (%q, %cos) schedule {} : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>, %c: tensor<?x4xf32>):
    // expected-error @below {{'mm1.silu' op cannot be prologue of 'mm1.rope': it does not take operand 0 from a register}}
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.rope %0, %c, %c head_dim = 16 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
    mm1.yield %1 : tensor<?x64xf32>
  }
  return
}

// -----

// Two shapes in one elementwise cluster.
func.func @shapes_differ(%g: tensor<?x2x64xf32>, %w: tensor<?x2xf32>) {
  %y = mm1.cluster elementwise (%g, %w) schedule {} : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x2x64xf32>, %v: tensor<?x2xf32>):
    // expected-error @below {{'mm1.silu' op cannot be prologue of 'mm1.combine'}}
    %0 = mm1.silu %x : tensor<?x2x64xf32>
    %1 = mm1.combine %0, %v : (tensor<?x2x64xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
    mm1.yield %1 : tensor<?x64xf32>
  }
  return
}

// -----

func.func @prologue_not_stored(%q: tensor<?x64xf32>, %cache: tensor<?x2x2x64x16xf32>, %v: tensor<?xi32>, %p: tensor<?x?xi32>) {
  %y:2 = mm1.cluster attention (%q, %cache, %v, %p) schedule {}
      : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?x?xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  ^bb0(%x: tensor<?x64xf32>, %c: tensor<?x2x2x64x16xf32>, %b: tensor<?xi32>, %d: tensor<?x?xi32>):
    // expected-error @below {{'mm1.silu' op cannot be yielded: the kernel of 'mm1.softmax_attention' does not store its prologue}}
    %0 = mm1.silu %x : tensor<?x64xf32>
    %1 = mm1.softmax_attention %0, %c batch(%b, %b, %b, %d) scale = 1.0
        : (tensor<?x64xf32>, tensor<?x2x2x64x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xf32>
    mm1.yield %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return
}

// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @arguments_match_c1(%u: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.cluster' op has 1 inputs, but its block takes 0 arguments or other types}}
  mm1.cluster elementwise (%u) : (tensor<?x64xf32>) -> () {
    mm1.yield
  }
  return
}

// -----

func.func @argument_types_c1(%u: tensor<?x64xf32>) {
  // expected-error @below {{has 1 inputs, but its block takes 1 arguments or other types}}
  mm1.cluster elementwise (%u) : (tensor<?x64xf32>) -> () {
  ^bb0(%x: tensor<?x32xf32>):
    mm1.yield
  }
  return
}

// -----

func.func @yield_matches_c2(%u: tensor<?x64xf32>) {
  // expected-error @below {{yields other types than its results}}
  %y = mm1.cluster elementwise (%u) : (tensor<?x64xf32>) -> tensor<?x32xf32> {
  ^bb0(%x: tensor<?x64xf32>):
    mm1.yield %x : tensor<?x64xf32>
  }
  return
}

// -----

func.func @one_anchor_c3(%u: tensor<?x64xf32>, %w: tensor<64x64xf32>) {
  // expected-error @below {{says it is 'matmul', but what it holds makes it 'matmul, matmul'}}
  %y = mm1.cluster matmul (%u, %w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>, %m: tensor<64x64xf32>):
    %0 = mm1.linear %x weights(%m) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    %1 = mm1.linear %0 weights(%m) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    mm1.yield %1 : tensor<?x64xf32>
  }
  return
}

// -----

func.func @anchor_of_that_kind_c3(%u: tensor<?x64xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{says it is 'matmul', but what it holds makes it 'row_reduction'}}
  %y = mm1.cluster matmul (%u, %w) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>, %m: tensor<64xf32>):
    %0 = mm1.rms_norm %x, %m eps = 1.0 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    mm1.yield %0 : tensor<?x64xf32>
  }
  return
}

// -----

func.func @elementwise_without_anchor_c3(%u: tensor<?x64xf32>) {
  // expected-error @below {{says it is 'matmul', but what it holds makes it 'elementwise'}}
  %y = mm1.cluster matmul (%u) : (tensor<?x64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>):
    %0 = mm1.silu %x : tensor<?x64xf32>
    mm1.yield %0 : tensor<?x64xf32>
  }
  return
}

// -----

mm1.weight @w : tensor<64xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<64xf32>>], steps = []>
func.func @scalar_bodies_c4() {
  // expected-error @below {{holds 'mm1.load_weight', which is neither an anchor nor has a scalar body}}
  %y = mm1.cluster elementwise () : () -> tensor<64xf32> {
    %0 = mm1.load_weight @w : tensor<64xf32>
    mm1.yield %0 : tensor<64xf32>
  }
  return
}

// -----

func.func @isolated(%u: tensor<?x64xf32>) {
  // expected-note @below {{required by region isolation constraints}}
  %y = mm1.cluster elementwise () : () -> tensor<?x64xf32> {
    // expected-error @below {{using value defined outside the region}}
    %0 = mm1.silu %u : tensor<?x64xf32>
    mm1.yield %0 : tensor<?x64xf32>
  }
  return
}

// -----

func.func @yield_ends_clusters_only(%u: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.yield' op expects parent op 'mm1.cluster'}}
  mm1.yield %u : tensor<?x64xf32>
}

// -----

func.func @known_kind_c3(%u: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @below {{expects a kind of anchor, found 'matrix'}}
  %y = mm1.cluster matrix (%u) : (tensor<?x64xf32>) -> tensor<?x64xf32> {
  ^bb0(%0: tensor<?x64xf32>):
    mm1.yield %0 : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

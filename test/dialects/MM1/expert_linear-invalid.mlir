// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @weight_rank_c1(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<96x64xf32>) {
  // expected-error @below {{'mm1.expert_linear' op expects weights of rank 3, found 'tensor<96x64xf32>'}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @input_rank_c2(%x: tensor<64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects 'input' [T, K] or [T, k, K], found 'tensor<64xf32>'}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @depth_c2(%x: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'input' to be 64 (columns of the weights), found 32}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @pairs_depth_c2(%x: tensor<?x2x32xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects dimension 2 of 'input' to be 64 (columns of the weights), found 32}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x2x32xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @pairs_choices_c2(%x: tensor<?x3x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'input' to be 2 (choices per token in 'ids'), found 3}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x3x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @ids_rank_c3(%x: tensor<?x64xf32>, %ids: tensor<?xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects 'ids' of rank 2, found 'tensor<?xi32>'}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xf32>, tensor<?xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @result_rank_c3(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects 'result' of rank 3, found 'tensor<?x96xf32>'}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @choices_c3(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'result' to be 2 (choices per token in 'ids'), found 3}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x3x96xf32>
  return
}

// -----

func.func @width_c3(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects dimension 2 of 'result' to be 96 (rows of its weight), found 64}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x64xf32>
  return
}

// -----

func.func @int8_has_scales_c4(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xi8>) {
  // expected-error @below {{expects one scale per int8 weight, found 0 scales for 1 weights}}
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xi8>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @scale_shape_c4(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xi8>, %s: tensor<96xf32>) {
  // expected-error @below {{expects scales of shape [4, 96], found 'tensor<96xf32>'}}
  %y = mm1.expert_linear %x, %ids weights(%w) scales(%s)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xi8>, tensor<96xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @offsets_rank_c5(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %order: tensor<?x2xi32>, %offsets: tensor<5x1xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects 'offsets' of rank 1, found 'tensor<5x1xi32>'}}
  %y = mm1.expert_linear %x, %ids grouped(%order, %offsets) weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<5x1xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @an_offset_more_c5(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %order: tensor<?x2xi32>, %offsets: tensor<4xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects dimension 0 of 'offsets' to be 5 (experts + 1), found 4}}
  %y = mm1.expert_linear %x, %ids grouped(%order, %offsets) weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<4xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

// The checks of weights are those of linear (linear-invalid.mlir); the list may not be empty here either.
func.func @a_weight_c1(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>) {
  // expected-error @below {{expects at least one weight}}
  mm1.expert_linear %x, %ids weights() : (tensor<?x64xf32>, tensor<?x2xi32>) -> ()
  return
}

// -----

func.func @order_is_like_ids_c5(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %order: tensor<?x3xi32>, %offsets: tensor<5xi32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects 'order' of type 'tensor<?x2xi32>' like 'ids', found 'tensor<?x3xi32>'}}
  %y = mm1.expert_linear %x, %ids grouped(%order, %offsets) weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x3xi32>, tensor<5xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return
}

// -----

func.func @experts_of_all_weights_c1(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>, %v: tensor<5x96x64xf32>) {
  // expected-error @below {{expects weights of one element type, alike but for their width, found 'tensor<4x96x64xf32>' and 'tensor<5x96x64xf32>'}}
  %y, %z = mm1.expert_linear %x, %ids weights(%w, %v)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>, tensor<5x96x64xf32>) -> (tensor<?x2x96xf32>, tensor<?x2x96xf32>)
  return
}

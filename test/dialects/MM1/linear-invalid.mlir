// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @a_weight_c1(%x: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.linear' op expects at least one weight}}
  mm1.linear %x weights() : (tensor<?x64xf32>) -> ()
  return
}

// -----

func.func @weights_of_one_type_c1(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>, %v: tensor<96x64xbf16>) {
  // expected-error @below {{expects weights of one element type, alike but for their width, found 'tensor<96x64xf32>' and 'tensor<96x64xbf16>'}}
  %y, %z = mm1.linear %x weights(%w, %v)
      : (tensor<?x64xf32>, tensor<96x64xf32>, tensor<96x64xbf16>) -> (tensor<?x96xf32>, tensor<?x96xf32>)
  return
}

// -----

func.func @weight_rank_c1(%x: tensor<?x64xf32>, %w: tensor<4x96x64xf32>) {
  // expected-error @below {{expects weights of rank 2, found 'tensor<4x96x64xf32>'}}
  %y = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<4x96x64xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @depth_c2(%x: tensor<?x32xf32>, %w: tensor<96x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'input' to be 64 (columns of the weights), found 32}}
  %y = mm1.linear %x weights(%w) : (tensor<?x32xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @input_rank_c2(%x: tensor<?x2x64xf32>, %w: tensor<96x64xf32>) {
  // expected-error @below {{expects 'input' of rank 2, found 'tensor<?x2x64xf32>'}}
  %y = mm1.linear %x weights(%w) : (tensor<?x2x64xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @width_c3(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'result' to be 96 (rows of its weight), found 64}}
  %y = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @result_rank_c3(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>) {
  // expected-error @below {{expects 'result' of rank 2, found 'tensor<96xf32>'}}
  %y = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<96xf32>
  return
}

// -----

func.func @a_result_per_weight_c3(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>) {
  // expected-error @below {{expects one result per weight, found 2 weights and 1 results}}
  %y = mm1.linear %x weights(%w, %w) : (tensor<?x64xf32>, tensor<96x64xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @width_of_the_second_c3(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>, %v: tensor<32x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'result' to be 32 (rows of its weight), found 96}}
  %y, %z = mm1.linear %x weights(%w, %v)
      : (tensor<?x64xf32>, tensor<96x64xf32>, tensor<32x64xf32>) -> (tensor<?x96xf32>, tensor<?x96xf32>)
  return
}

// -----

func.func @int8_has_scales_c4(%x: tensor<?x64xf32>, %w: tensor<96x64xi8>) {
  // expected-error @below {{expects one scale per int8 weight, found 0 scales for 1 weights}}
  %y = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<96x64xi8>) -> tensor<?x96xf32>
  return
}

// -----

func.func @float_has_no_scales_c4(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>, %s: tensor<96xf32>) {
  // expected-error @below {{expects no scales for float weights, found 1 scales for 1 weights}}
  %y = mm1.linear %x weights(%w) scales(%s) : (tensor<?x64xf32>, tensor<96x64xf32>, tensor<96xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @scale_shape_c4(%x: tensor<?x64xf32>, %w: tensor<96x64xi8>, %s: tensor<64xf32>) {
  // expected-error @below {{expects scales of shape [96], found 'tensor<64xf32>'}}
  %y = mm1.linear %x weights(%w) scales(%s) : (tensor<?x64xf32>, tensor<96x64xi8>, tensor<64xf32>) -> tensor<?x96xf32>
  return
}

// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @types_c1(%positions: tensor<?xi32>, %freq: tensor<4xf32>) {
  // expected-error @below {{'mm1.rope_angles' op failed to verify that all of {cos, sin} have same type}}
  %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x2xf32>)
  return
}

// -----

func.func @one_per_frequency_c2(%positions: tensor<?xi32>, %freq: tensor<4xf32>) {
  // expected-error @below {{expects dimension 1 of 'cos' to be 4 (one per frequency), found 8}}
  %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @positions_rank_c2(%positions: tensor<?x1xi32>, %freq: tensor<4xf32>) {
  // expected-error @below {{expects 'positions' of rank 1, found 'tensor<?x1xi32>'}}
  %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?x1xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @frequencies_rank_c2(%positions: tensor<?xi32>, %freq: tensor<1x4xf32>) {
  // expected-error @below {{expects 'inv_freq' of rank 1, found 'tensor<1x4xf32>'}}
  %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?xi32>, tensor<1x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @cos_rank_c2(%positions: tensor<?xi32>, %freq: tensor<4xf32>) {
  // expected-error @below {{expects 'cos' of rank 2, found 'tensor<?x1x4xf32>'}}
  %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x1x4xf32>, tensor<?x1x4xf32>)
  return
}

// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @shapes_c1(%c: tensor<?x1xf32>, %f: tensor<?x64xf32>, %s: tensor<?x32xf32>) {
  // expected-error @below {{'mm1.blend' op failed to verify that all of {routed, shared, result} have same shape}}
  %y = mm1.blend %c, %f, %s : (tensor<?x1xf32>, tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @one_per_token_c2(%c: tensor<?x2xf32>, %f: tensor<?x64xf32>, %s: tensor<?x64xf32>) {
  // expected-error @below {{expects dimension 1 of 'coefficient' to be 1 (one number per token), found 2}}
  %y = mm1.blend %c, %f, %s : (tensor<?x2xf32>, tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rank_c2(%c: tensor<?xf32>, %f: tensor<?x64xf32>, %s: tensor<?x64xf32>) {
  // expected-error @below {{expects 'coefficient' of rank 2, found 'tensor<?xf32>'}}
  %y = mm1.blend %c, %f, %s : (tensor<?xf32>, tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f32_c2(%c: tensor<?x1xbf16>, %f: tensor<?x64xf32>, %s: tensor<?x64xf32>) {
  // expected-error @below {{operand #0 must be ranked tensor of 32-bit float values, but got 'tensor<?x1xbf16>'}}
  %y = mm1.blend %c, %f, %s : (tensor<?x1xbf16>, tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @shapes_c1(%q: tensor<?x64xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) {
  // expected-error @below {{'mm1.rope' op failed to verify that all of {input, result} have same shape}}
  %y = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @angles_agree_c1(%q: tensor<?x64xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x2xf32>) {
  // expected-error @below {{failed to verify that all of {cos, sin} have same type}}
  %y = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @head_dim_divides_c2(%q: tensor<?x64xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) {
  // expected-error @below {{expects head_dim to divide the width 64, found 24}}
  %y = mm1.rope %q, %cos, %sin head_dim = 24 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @head_dim_positive_c2(%q: tensor<?x64xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) {
  // expected-error @below {{expects head_dim to divide the width 64, found 0}}
  %y = mm1.rope %q, %cos, %sin head_dim = 0 : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @input_rank_c2(%q: tensor<?x4x16xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) {
  // expected-error @below {{expects 'input' of rank 2, found 'tensor<?x4x16xf32>'}}
  %y = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @cos_rank_c3(%q: tensor<?x64xf32>, %cos: tensor<?x1x4xf32>, %sin: tensor<?x1x4xf32>) {
  // expected-error @below {{expects 'cos' of rank 2, found 'tensor<?x1x4xf32>'}}
  %y = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @fits_head_c3(%q: tensor<?x64xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) {
  // expected-error @below {{rotates 32 channels of each head, but head_dim is 16}}
  %y = mm1.rope %q, %cos, %sin head_dim = 16 : (tensor<?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x64xf32>
  return
}

// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @shapes_c1(%a: tensor<?x64xf32>, %b: tensor<?x32xf32>) {
  // expected-error @below {{'mm1.mul' op failed to verify that all of {lhs, rhs, result} have same shape}}
  %y = "mm1.mul"(%a, %b) : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @two_operands(%a: tensor<?x64xf32>) {
  // expected-error @below {{expects one type for all, or 2 operand types and one result type}}
  %y = mm1.mul %a, %a : (tensor<?x64xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @integers(%a: tensor<?x64xi32>) {
  // expected-error @below {{operand #0 must be ranked tensor of 32-bit float or bfloat16 type values, but got 'tensor<?x64xi32>'}}
  %y = mm1.mul %a, %a : tensor<?x64xi32>
  return
}

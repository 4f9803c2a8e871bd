// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @shapes_c1(%a: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.silu' op failed to verify that all of {input, result} have same shape}}
  %y = "mm1.silu"(%a) : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @shapes_c1(%a: tensor<?x64xf32>, %b: tensor<?x32xf32>) {
  // expected-error @below {{'mm1.sigmoid_gate' op failed to verify that all of {input, gate, result} have same shape}}
  %y = "mm1.sigmoid_gate"(%a, %b) : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

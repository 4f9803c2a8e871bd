// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @shapes_c1(%a: tensor<?x64xf32>, %b: tensor<?x32xf32>) {
  // expected-error @below {{'mm1.residual' op failed to verify that all of {stream, branch, result} have same shape}}
  %y = "mm1.residual"(%a, %b) {alpha = 3.5, beta = 1.0} : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

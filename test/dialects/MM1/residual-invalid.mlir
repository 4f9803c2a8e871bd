// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @types_c1(%a: tensor<?x64xf32>, %b: tensor<?x64xbf16>) {
  // expected-error @below {{'mm1.residual' op failed to verify that all of {stream, branch, result} have same type}}
  %y = "mm1.residual"(%a, %b) {alpha = 3.5, beta = 1.0} : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return
}

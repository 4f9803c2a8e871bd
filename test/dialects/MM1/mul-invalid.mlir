// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @types_c1(%a: tensor<?x64xf32>, %b: tensor<?x64xbf16>) {
  // expected-error @below {{'mm1.mul' op failed to verify that all of {lhs, rhs, result} have same type}}
  %y = "mm1.mul"(%a, %b) : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return
}

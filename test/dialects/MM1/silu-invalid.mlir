// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @types_c1(%a: tensor<?x64xf32>) {
  // expected-error @below {{'mm1.silu' op failed to verify that all of {input, result} have same type}}
  %y = "mm1.silu"(%a) : (tensor<?x64xf32>) -> tensor<?x64xbf16>
  return
}

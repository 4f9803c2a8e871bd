// RUN: mm1-opt %s --split-input-file --verify-diagnostics

func.func @types_c1(%a: tensor<?x64xf32>, %b: tensor<?x64xbf16>) {
  // expected-error @below {{'mm1.sigmoid_gate' op failed to verify that all of {input, gate, result} have same type}}
  %y = "mm1.sigmoid_gate"(%a, %b) : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return
}

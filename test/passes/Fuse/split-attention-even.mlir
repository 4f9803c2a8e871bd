// Somebody has asked for so many even spans.
// RUN: mm1-opt %s --mm1-split-attention='target=sm_90a max-context=4096' | FileCheck %s
// RUN: mm1-opt %s --mm1-split-attention='target=sm_90a max-context=4096 split=false' | FileCheck %s --check-prefix=WHOLE

// CHECK-LABEL: func.func @asked_evenly
//       CHECK:   mm1.attention_partials {{.*}} cut = even : {{.*}} -> (tensor<?x7x8xf32>, tensor<?x7x64xf32>)
// WHOLE-LABEL: func.func @asked_evenly
//       WHOLE:   mm1.softmax_attention {{.*}} even_spans = 7 :
func.func @asked_evenly(%q: tensor<?x64xbf16>, %c: tensor<?x2x2x64x16xbf16>, %v: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %o = mm1.softmax_attention %q, %c batch(%v, %v, %v, %p) scale = 0.25 even_spans = 7
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}

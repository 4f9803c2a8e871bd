// RUN: mm1-opt %s --mm1-form-clusters=target=sm_90a --mm1-fuse-append-attention=target=sm_90a | FileCheck %s

// One token each: the task that reads the pages writes its own row first. The store follows.
// CHECK-LABEL: func.func @decode_2
//       CHECK:   %[[C:.*]]:2 = mm1.cluster cache_append, attention(
//       CHECK:     %[[K:.*]] = mm1.rope
//       CHECK:     %[[N:.*]] = mm1.cache_append %[[K]],
//       CHECK:     %[[Q:.*]] = mm1.rope
//       CHECK:     %[[O:.*]] = mm1.softmax_attention %[[Q]], %[[N]]
//       CHECK:     mm1.yield %[[N]], %[[O]]
//       CHECK:   mm1.store_state %[[C]]#0, @kv
//       CHECK:   return %[[C]]#1
// Several tokens of a sequence: a launch in between.
// CHECK-LABEL: func.func @prefill_16
//       CHECK:   mm1.cluster cache_append(
//       CHECK:   mm1.cluster attention(
// Room for as many sequences as tokens, but one may have them all.
// CHECK-LABEL: func.func @prefill_2
//       CHECK:   mm1.cluster cache_append(
//       CHECK:   mm1.cluster attention(
mm1.state kv_pages @kv : tensor<?x2x2x64x16xbf16>
func.func @decode_2(%q: tensor<?x64xbf16>, %k: tensor<?x32xbf16>, %r: tensor<?x4xf32>, %v: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> attributes {mm1.entry = "decode", mm1.tokens = 2 : i64, mm1.sequences = 2 : i64} {
  %a = mm1.rope %q, %r, %r head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
  %b = mm1.rope %k, %r, %r head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16>
  %c = mm1.load_state @kv : tensor<?x2x2x64x16xbf16>
  %d = mm1.cache_append %b, %k, %c batch(%v, %v, %v, %p)
      : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
  mm1.store_state %d, @kv : tensor<?x2x2x64x16xbf16>
  %o = mm1.softmax_attention %a, %d batch(%v, %v, %v, %p) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}
func.func @prefill_16(%q: tensor<?x64xbf16>, %k: tensor<?x32xbf16>, %v: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> attributes {mm1.entry = "prefill", mm1.tokens = 16 : i64, mm1.sequences = 2 : i64} {
  %c = mm1.load_state @kv : tensor<?x2x2x64x16xbf16>
  %d = mm1.cache_append %k, %k, %c batch(%v, %v, %v, %p)
      : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
  mm1.store_state %d, @kv : tensor<?x2x2x64x16xbf16>
  %o = mm1.softmax_attention %q, %d batch(%v, %v, %v, %p) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}
func.func @prefill_2(%q: tensor<?x64xbf16>, %k: tensor<?x32xbf16>, %v: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> attributes {mm1.entry = "prefill", mm1.tokens = 2 : i64, mm1.sequences = 2 : i64} {
  %c = mm1.load_state @kv : tensor<?x2x2x64x16xbf16>
  %d = mm1.cache_append %k, %k, %c batch(%v, %v, %v, %p)
      : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
  mm1.store_state %d, @kv : tensor<?x2x2x64x16xbf16>
  %o = mm1.softmax_attention %q, %d batch(%v, %v, %v, %p) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}

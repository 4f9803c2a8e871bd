// RUN: mm1-opt %s --mm1-split-attention=max-context=2100 | FileCheck %s
// RUN: mm1-opt %s --mm1-split-attention='max-context=2100 split=false' | FileCheck %s --check-prefix=WHOLE
// RUN: mm1-opt %s --mm1-split-attention=max-context=1024 | FileCheck %s --check-prefix=SHORT
// RUN: mm1-opt %s --mm1-split-attention=max-context=1000000 | FileCheck %s --check-prefix=LONG
// RUN: mm1-opt %s --mm1-split-attention='target=sm_90a max-context=4096' | FileCheck %s --check-prefix=GPU
// RUN: mm1-opt %s --mm1-split-attention='target=sm_90a max-context=4096 split=false' | FileCheck %s --check-prefix=GPU-WHOLE
// RUN: mm1-opt %s --mm1-split-attention='target=sm_90a max-context=1000000' | FileCheck %s --check-prefix=GPU-LONG
// RUN: mm1-opt %s --mm1-split-attention='max-context=2100 explain' 2>&1 | FileCheck %s --check-prefix=SAYS
// Kernels: on a CPU three launches, 3 spans of 2 heads as 6 tasks; on a GPU the append goes with the partials.
// RUN: mm1-opt %s --mm1-split-attention=max-context=2100 --mm1-form-clusters --mm1-fuse-append-attention --mm1-schedule-clusters \
// RUN:   | FileCheck %s --check-prefix=CPU-KERNELS
// RUN: mm1-opt %s --mm1-split-attention='target=sm_90a max-context=4096' --mm1-form-clusters=target=sm_90a \
// RUN:     --mm1-fuse-append-attention=target=sm_90a --mm1-schedule-clusters=target=sm_90a | FileCheck %s --check-prefix=GPU-KERNELS

//      SAYS: remark: split-attention: {softmax_attention} into spans: taken, 3 of 1024 tokens
//      SAYS: remark: split-attention: {softmax_attention} into spans: declined, many tokens are tasks enough

// CHECK-LABEL: func.func @decode_2
//       CHECK:   %[[S:.*]], %[[W:.*]] = mm1.attention_partials %{{.*}}, %[[C:.*]] batch({{.*}}) scale = 2.500000e-01 cut = fixed span_tokens = 1024 : {{.*}} -> (tensor<?x3x8xf32>, tensor<?x3x64xf32>)
//       CHECK:   %[[O:.*]] = mm1.merge_partials %[[S]], %[[W]] : (tensor<?x3x8xf32>, tensor<?x3x64xf32>) -> tensor<?x64xbf16>
//       CHECK:   return %[[O]]
// Tasks enough, but the same order of sums.
// CHECK-LABEL: func.func @prefill_16
//       CHECK:   mm1.softmax_attention {{.*}} span_tokens = 1024 :
// Somebody has asked for other spans.
// CHECK-LABEL: func.func @asked
//       CHECK:   mm1.attention_partials {{.*}} span_tokens = 512 : {{.*}} -> (tensor<?x5x8xf32>, tensor<?x5x64xf32>)

// The bits are those of the split form: only the order of sums is said.
// WHOLE-LABEL: func.func @decode_2
//       WHOLE:   mm1.softmax_attention {{.*}} span_tokens = 1024 :
// WHOLE-LABEL: func.func @prefill_16
//       WHOLE:   mm1.softmax_attention {{.*}} span_tokens = 1024 :

// SHORT-LABEL: func.func @decode_2
//       SHORT:   mm1.softmax_attention {{.*}} scale = 2.500000e-01 :
// SHORT-LABEL: func.func @prefill_16
//       SHORT:   mm1.softmax_attention {{.*}} scale = 2.500000e-01 :

// At most 128 spans: 1000000 / 128 = 7812.5, whole pages 7872.
//  LONG-LABEL: func.func @decode_2
//        LONG:   mm1.attention_partials {{.*}} span_tokens = 7872 : {{.*}} -> (tensor<?x128x8xf32>, tensor<?x128x64xf32>)
//  LONG-LABEL: func.func @prefill_16
//        LONG:   mm1.softmax_attention {{.*}} span_tokens = 7872 :

// 64 pages are at most 32 spans; two for each multiprocessor are enough.
//   GPU-LABEL: func.func @decode_2
//         GPU:   mm1.attention_partials {{.*}} cut = even : {{.*}} -> (tensor<?x32x8xf32>, tensor<?x32x64xf32>)
//   GPU-LABEL: func.func @prefill_16
//         GPU:   mm1.softmax_attention {{.*}} scale = 2.500000e-01 even_spans = 32 :
// Somebody has asked for other spans.
//   GPU-LABEL: func.func @asked
//         GPU:   mm1.attention_partials {{.*}} cut = fixed span_tokens = 512 : {{.*}} -> (tensor<?x8x8xf32>, tensor<?x8x64xf32>)
// GPU-LONG-LABEL: func.func @decode_2
//       GPU-LONG:   mm1.attention_partials {{.*}} cut = even : {{.*}} -> (tensor<?x264x8xf32>, tensor<?x264x64xf32>)

// GPU-WHOLE-LABEL: func.func @decode_2
//       GPU-WHOLE:   mm1.softmax_attention {{.*}} even_spans = 32 :
// GPU-WHOLE-LABEL: func.func @prefill_16
//       GPU-WHOLE:   mm1.softmax_attention {{.*}} even_spans = 32 :

// CPU-KERNELS-LABEL: func.func @decode_2
//       CPU-KERNELS:   mm1.cluster cache_append(
//       CPU-KERNELS:   mm1.cluster attention({{.*}} schedule {grain = 1 : i64, per = 1 : i64, tasks = 6 : i64, unit = "tokens"}
//       CPU-KERNELS:   mm1.cluster span_merge({{.*}} schedule {per = 1 : i64, tasks = 4 : i64, unit = "tokens"}
// GPU-KERNELS-LABEL: func.func @decode_2
//       GPU-KERNELS:   mm1.cluster cache_append, attention({{.*}} schedule {per = 1 : i64, tasks = 64 : i64, unit = "tokens", warps = 2 : i64}
//       GPU-KERNELS:     mm1.cache_append
//       GPU-KERNELS:     mm1.attention_partials
//       GPU-KERNELS:   mm1.cluster span_merge({{.*}} schedule {per = 1 : i64, tasks = 4 : i64, unit = "tokens", warps = 1 : i64}
//   GPU-KERNELS-NOT:   mm1.cluster
//       GPU-KERNELS: func.func @prefill_16
mm1.state kv_pages @kv : tensor<?x2x2x64x16xbf16>
func.func @decode_2(%q: tensor<?x64xbf16>, %k: tensor<?x32xbf16>, %v: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> attributes {mm1.entry = "decode", mm1.tokens = 2 : i64, mm1.sequences = 2 : i64} {
  %c = mm1.load_state @kv : tensor<?x2x2x64x16xbf16>
  %d = mm1.cache_append %k, %k, %c batch(%v, %v, %v, %p)
      : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
  mm1.store_state %d, @kv : tensor<?x2x2x64x16xbf16>
  %o = mm1.softmax_attention %q, %d batch(%v, %v, %v, %p) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}
func.func @prefill_16(%q: tensor<?x64xbf16>, %c: tensor<?x2x2x64x16xbf16>, %v: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> attributes {mm1.entry = "prefill", mm1.tokens = 16 : i64, mm1.sequences = 2 : i64} {
  %o = mm1.softmax_attention %q, %c batch(%v, %v, %v, %p) scale = 0.25
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}
func.func @asked(%q: tensor<?x64xbf16>, %c: tensor<?x2x2x64x16xbf16>, %v: tensor<?xi32>, %p: tensor<?x?xi32>)
    -> tensor<?x64xbf16> attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %o = mm1.softmax_attention %q, %c batch(%v, %v, %v, %p) scale = 0.25 span_tokens = 512
      : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}

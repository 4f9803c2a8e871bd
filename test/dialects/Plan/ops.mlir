// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s
// Two stages of two ranks; stage 0 uses two streams. Every op of the dialect stands here once.

module attributes {mm1.ranks = 4 : i64} {
  mm1.weight @w : tensor<32x32xf32> = #mm1.recipe<sources = [#mm1.source<"w" : tensor<32x32xf32>>], steps = []>
  mm1.state recurrent @s : tensor<?x1x4x4xf32>

  // CHECK: plan.limits max_sequences = 2 max_context = 100 max_prefill = 4 page_tokens = 64 pages = 4 arena_bytes = 2048 candidates = 8 page_image = "gpu-1" spare_slots = 1 spare_pages = 2 grid = [2, 1, 2]{{$}}
  plan.limits max_sequences = 2 max_context = 100 max_prefill = 4 page_tokens = 64 pages = 4 arena_bytes = 2048
      candidates = 8 page_image = "gpu-1" spare_slots = 1 spare_pages = 2 grid = [2, 1, 2]

  // CHECK: plan.kernel_module @kernels cpu{{$}}
  plan.kernel_module @kernels cpu
  // CHECK: plan.kernel_module @gpu cuda arch = "sm_90a"
  plan.kernel_module @gpu cuda arch = "sm_90a"
  // CHECK: plan.kernel_module @gpu_host cpu host_of = @gpu
  plan.kernel_module @gpu_host cpu host_of = @gpu

  // CHECK: plan.kernel @begin in @gpu builtin begin (read "candidate_ids" tensor<?xi32>, write "tokens" tensor<?xi32>) waits{{$}}
  plan.kernel @begin in @gpu builtin begin (read "candidate_ids" tensor<?xi32>, write "tokens" tensor<?xi32>) waits

  // CHECK: plan.kernel @linear_0 in @kernels {
  plan.kernel @linear_0 in @kernels {
  ^bb0(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>):
    %y = mm1.cluster matmul (%x, %w) schedule {tasks = 1 : i64, unit = "one", per = 1 : i64}
        : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32> {
    ^bb0(%a: tensor<?x32xf32>, %b: tensor<32x32xf32>):
      %0 = mm1.linear %a weights(%b) : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
      mm1.yield %0 : tensor<?x32xf32>
    }
  }

  // CHECK: plan.kernel @lightning_0 in @kernels {
  plan.kernel @lightning_0 in @kernels {
  ^bb0(%x: tensor<?x12xf32>, %l: tensor<1xf32>, %s: tensor<?x1x4x4xf32>, %i: tensor<?xi32>, %b: tensor<?xi32>, %p: tensor<?xi32>):
    %y:2 = mm1.cluster recurrence (%x, %l, %s, %i, %b, %p)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>) {
    ^bb0(%q: tensor<?x12xf32>, %c: tensor<1xf32>, %d: tensor<?x1x4x4xf32>, %e: tensor<?xi32>, %f: tensor<?xi32>, %g: tensor<?xi32>):
      %o, %n = mm1.lightning_attention %q, %c, %d batch(%e, %f, %g)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>)
      mm1.yield %o, %n : tensor<?x4xf32>, tensor<?x1x4x4xf32>
    }
  }

  // CHECK: plan.entry @decode_2 decode tokens = 2 sequences = 2 stage = 0 {
  plan.entry @decode_2 decode tokens = 2 sequences = 2 stage = 0 {
    // 2 rows of 32 floats: 256 bytes.
    // CHECK: [[X:%.*]] = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
    %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
    // CHECK: plan.buffer input "pages" at 256 bytes = 64 rows = 2 columns = 2 : tensor<?x?xi32>
    %pages = plan.buffer input "pages" at 256 bytes = 64 rows = 2 columns = 2 : tensor<?x?xi32>
    %out = plan.buffer output "y" at 320 bytes = 256 rows = 2 : tensor<?x32xf32>
    // CHECK: plan.buffer at 576 bytes = 256 rows = 2 : tensor<?x32xf32>
    %t = plan.buffer at 576 bytes = 256 rows = 2 : tensor<?x32xf32>
    // CHECK: plan.weight_ref @w : tensor<32x32xf32>
    %w = plan.weight_ref @w : tensor<32x32xf32>
    // CHECK: plan.launch @linear_0 (read [[X]] : tensor<?x32xf32>, read %{{.*}} : tensor<32x32xf32>, write [[T:%.*]] : tensor<?x32xf32>) tasks = 1 unit = one per = 1 label = "layers.0/linear"
    plan.launch @linear_0 (read %x : tensor<?x32xf32>, read %w : tensor<32x32xf32>, write %t : tensor<?x32xf32>)
        tasks = 1 unit = one per = 1 label = "layers.0/linear"
    // CHECK: plan.signal 7{{$}}
    // CHECK: plan.wait 7 stream = 1
    plan.signal 7
    plan.wait 7 stream = 1
    // CHECK: plan.collective all_reduce [tp] (read [[T]] : tensor<?x32xf32>, write [[U:%.*]] : tensor<?x32xf32>) stream = 1
    %u = plan.buffer at 832 bytes = 256 rows = 2 : tensor<?x32xf32>
    plan.collective all_reduce [tp] (read %t : tensor<?x32xf32>, write %u : tensor<?x32xf32>) stream = 1
    // CHECK: plan.copy (read [[U]] : tensor<?x32xf32>, write %{{.*}} : tensor<?x32xf32>) stream = 1
    plan.copy (read %u : tensor<?x32xf32>, write %out : tensor<?x32xf32>) stream = 1
    // CHECK: plan.launch @begin (read %{{.*}}, write %{{.*}}) tasks = 1 unit = one per = 1 grain = 1 threads = 128 shared_bytes = 1024 workspace_bytes = 64 early_start label = "begin" stream = 2
    %a = plan.buffer input "slots" at 1088 bytes = 64 rows = 2 : tensor<?xi32>
    %b = plan.buffer at 1152 bytes = 64 rows = 2 : tensor<?xi32>
    plan.launch @begin (read %a : tensor<?xi32>, write %b : tensor<?xi32>) tasks = 1 unit = one per = 1 grain = 1
        threads = 128 shared_bytes = 1024 workspace_bytes = 64 early_start label = "begin" stream = 2
  }

  plan.entry @decode_2_stage_1 decode tokens = 2 sequences = 2 stage = 1 {
    %x = plan.buffer input "x" at 0 bytes = 256 rows = 2 : tensor<?x32xf32>
    %y = plan.buffer output "y" at 320 bytes = 256 rows = 2 : tensor<?x32xf32>
    %qkv = plan.buffer at 576 bytes = 256 rows = 2 : tensor<?x12xf32>
    %slopes = plan.buffer at 832 bytes = 64 rows = 0 : tensor<1xf32>
    %slots = plan.buffer input "slots" at 896 bytes = 64 rows = 2 : tensor<?xi32>
    %o = plan.buffer at 1024 bytes = 256 rows = 2 : tensor<?x4xf32>
    // CHECK: plan.state_ref @s : tensor<?x1x4x4xf32>
    %s = plan.state_ref @s : tensor<?x1x4x4xf32>
    // CHECK: plan.host_call "fill" (write %{{.*}} : tensor<?x12xf32>, write %{{.*}} : tensor<1xf32>) numbers = [12, 32] tasks = 1 unit = tokens per = 2 label = "fill"
    plan.host_call "fill" (write %qkv : tensor<?x12xf32>, write %slopes : tensor<1xf32>)
        numbers = [12, 32] tasks = 1 unit = tokens per = 2 label = "fill"
    // CHECK: plan.launch @lightning_0 ({{.*}} update %{{[^,]*}} : tensor<?x1x4x4xf32>, {{.*}}) tasks = 1 unit = sequences per = 1{{$}}
    plan.launch @lightning_0 (read %qkv : tensor<?x12xf32>, read %slopes : tensor<1xf32>, update %s : tensor<?x1x4x4xf32>,
        read %slots : tensor<?xi32>, read %slots : tensor<?xi32>, read %slots : tensor<?xi32>, write %o : tensor<?x4xf32>)
        tasks = 1 unit = sequences per = 1
    plan.collective all_reduce [ep, tp] (read %x : tensor<?x32xf32>, write %y : tensor<?x32xf32>)
  }
}

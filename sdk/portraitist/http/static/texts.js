/** Every text of the page, in each language. `t("key", {name})` fills {name} in. A test compares the two tables' keys. */

export const LANGUAGES = { en: "English", zh: "中文" };

/** @type {Record<string, Record<string, string>>} */
export const TEXTS = {
  en: {
    title: "Portraitist Studio",
    skip: "Skip to the content",
    people: "People", portrait: "Portrait", photo: "Photo", restore: "Restore",
    theme: "Light or dark", language: "Language", help: "Keyboard shortcuts", close: "Close", cancel: "Cancel", undo: "Undo", redo: "Redo",
    // session
    key_title: "Open the studio",
    key_text: "Open the address that `portraitist studio` printed last. Or paste an API key, which `portraitist keys create` makes.",
    key_label: "API key", key_forget: "Leave: forget the key in this browser", key_open: "Open",
    lost_text: "Is it still running? Start it with `portraitist studio`, and open the address that it prints.",
    // people
    people_none: "Nobody yet. Drop ten or twenty photos of one person here.",
    person_new: "New person", person_open: "Open", person_delete: "Delete", person_add: "Add photos", person_photos: "{used} of {all} photos used",
    person_advice: "What would help", person_verdicts: "Photos", used: "used", looked_at: "looked at", refused: "refused", warned: "used, with a remark",
    drop_photos: "Drop photos or a folder here", choose_photos: "Choose photos", choose_folder: "Choose a folder", photos_chosen: "{n} photos chosen", photo_remove: "Leave out {name}",
    name: "Name", name_hint: "Unique among your people",
    consent: "Consent", consent_text: "The person in these photos agrees that portraits of them are made here, and may withdraw this at any time. Then everything of them is deleted.",
    consent_who: "Who agreed", consent_until: "Until (may stay empty)",
    attributes: "What can be changed", quality: "Quality", fast: "fast", balanced: "balanced", best: "best",
    learn: "Learn this person", learning: "Learning {name}", adding: "Adding photos to {name}", left: "about {time} left", waiting: "waiting, {n} before it",
    stage_intake: "looking at the photos", stage_invert: "finding the face in the generator", stage_tune: "tuning the generator",
    stage_evaluate: "measuring", stage_package: "packing", stage_starting: "starting", stage_calibrate: "measuring the reach", 
    delete_title: "Delete {name}?", delete_text: "Everything of {name} is erased for good: photos, what was learnt, every picture. You get a signed receipt.",
    delete_yes: "Delete for good", receipt: "Save the receipt", deleted: "{name} is deleted.", failed_title: "That did not work",
    // portrait
    choose_person: "Choose a person first", person: "Person", yaw: "turn", pitch: "nod", roll: "tilt", smile: "smile", mouth_open: "mouth", eyes_open: "eyes", 
    free: "free", set_free: "Let it be drawn at random", seed: "Seed", another: "Another one", drawing: "Drawing…", reset: "Back to the start",
    clamped: "beyond what {name} can do: shown is {value}", 
    grid: "Grid", grid_across: "across", grid_down: "down", grid_make: "Make a grid", 
    save: "Save", save_recipe: "Recipe (JSON)", replay: "Replay a recipe", not_recipe: "This file is no recipe of a portrait. Save one with “Recipe (JSON)” first.", history: "History", history_none: "What you make stands here.", report: "Report",
    asked: "asked", target: "target", achieved: "achieved", error: "± error", likeness: "likeness", likeness_percentile: "more alike than {p} % of the own photos",
    nearest: "nearest photo", leakage: "moved beside it", outside: "change outside the face", consistency: "agrees with the photo", degradation: "damage assumed", seconds: "seconds",
    // photo and restore
    drop_photo: "Drop a photo here", choose_photo: "Choose a photo", another_photo: "Another photo", apply: "Apply", working: "Working…", before: "before", after: "after", compare: "Before and after", hold: "Hold to see the photo as it was",
    photo_hint: "Move a slider. What you do not move stays as it is.",
    damage: "What happened to it", auto: "find out", downsample: "made small", gaussian_blur: "blurred", noise: "noisy", jpeg: "JPEG", greyscale: "colours lost", mask: "a hole", motion_blur: "shaken",
    paint_hint: "Paint over what is missing.", brush: "Brush", eraser: "Eraser", brush_size: "Size", clear: "Clear", restore_go: "Restore", strength: "strength",
    guess: "What the photo does not show is filled in as this person looks. It is evidence of nothing.",
    // points
    how: "How", sliders: "Sliders", pull: "Pull points", tools: "Tools", zoom: "Near the face", points: "Points", pull_go: "Pull", go_on: "Go on from here", show_points: "Show the points", show_result: "Show the result",
    pull_hint: "Press on the face, move, let go: that is a point. A press alone holds a place. With the keyboard: Tab to a point, arrows move its target, with Alt its handle, Delete removes it.",
    mask_hint: "Paint what may move. Without paint, everything may.",
    point_at: "Point {n}: from {from} to {to}", point_add: "Add a part of the face", point_remove: "Remove point {n}", px_left: "{n} px left", sure: "surroundings {p} % as before", step_of: "step {n}",
    end_arrived: "arrived", end_masked: "held by the mask", end_flat: "too even to follow", end_lost: "lost", end_stuck: "goes no farther", end_unlike: "stopped: it would be somebody else", steps: "steps", fixed: "change where nothing may move",
    part_nose: "nose", part_chin: "chin", part_forehead: "forehead", part_mouth_left: "mouth, left", part_mouth_right: "mouth, right", part_mouth_top: "upper lip", part_mouth_bottom: "lower lip",
    part_eye_left: "eye, left", part_eye_right: "eye, right", part_eyelid_left: "eyelid, left", part_eyelid_right: "eyelid, right", part_brow_left: "brow, left", part_brow_right: "brow, right",
    part_cheek_left: "cheek, left", part_cheek_right: "cheek, right", part_jaw_left: "jaw, left", part_jaw_right: "jaw, right",
    stage_drag: "pulling", stage_project: "finding the face in the generator", stage_styles: "refining",
    // shortcuts
    key_1: "People", key_2: "Portrait", key_3: "Photo", key_4: "Restore", key_undo: "undo", key_redo: "redo", key_r: "another one", key_s: "save the picture", key_help: "this list", key_escape: "close",
  },
  zh: {
    title: "Portraitist 工作室",
    skip: "跳到内容",
    people: "人物", portrait: "肖像", photo: "照片", restore: "修复",
    theme: "浅色或深色", language: "语言", help: "键盘快捷键", close: "关闭", cancel: "取消", undo: "撤销", redo: "重做",
    key_title: "打开工作室",
    key_text: "请打开 `portraitist studio` 最后打印的地址，或粘贴由 `portraitist keys create` 生成的 API 密钥。",
    key_label: "API 密钥", key_forget: "离开：在此浏览器中忘记密钥", key_open: "打开",
    lost_text: "它还在运行吗？请用 `portraitist studio` 启动，并打开它打印的地址。",
    people_none: "还没有人物。把同一个人的十到二十张照片拖到这里。",
    person_new: "新人物", person_open: "打开", person_delete: "删除", person_add: "添加照片", person_photos: "{all} 张照片中用了 {used} 张",
    person_advice: "怎样更好", person_verdicts: "照片", used: "已使用", looked_at: "已检查", refused: "未采用", warned: "已使用，有提示",
    drop_photos: "把照片或文件夹拖到这里", choose_photos: "选择照片", choose_folder: "选择文件夹", photos_chosen: "已选 {n} 张照片", photo_remove: "去掉 {name}",
    name: "名字", name_hint: "在您的人物中不重复",
    consent: "同意", consent_text: "照片中的人同意在此制作其肖像，并可随时撤回同意；撤回后其全部数据将被删除。",
    consent_who: "同意人", consent_until: "有效期至（可留空）",
    attributes: "可调整的内容", quality: "质量", fast: "快", balanced: "均衡", best: "最好",
    learn: "学习此人", learning: "正在学习 {name}", adding: "正在为 {name} 添加照片", left: "约剩 {time}", waiting: "等待中，前面有 {n} 个",
    stage_intake: "检查照片", stage_invert: "在生成器中寻找面孔", stage_tune: "调整生成器",
    stage_evaluate: "测量", stage_package: "打包", stage_starting: "启动中", stage_calibrate: "测量可调范围", 
    delete_title: "删除 {name}？", delete_text: "{name} 的一切都会被永久删除：照片、学到的内容、每一张图片。您会得到一份签名的收据。",
    delete_yes: "永久删除", receipt: "保存收据", deleted: "{name} 已删除。", failed_title: "没有成功",
    choose_person: "请先选择一个人物", person: "人物", yaw: "转头", pitch: "抬头", roll: "歪头", smile: "微笑", mouth_open: "张嘴", eyes_open: "睁眼", 
    free: "随机", set_free: "让它随机", seed: "种子", another: "换一张", drawing: "绘制中…", reset: "回到起点",
    clamped: "超出 {name} 的范围：显示的是 {value}", 
    grid: "网格", grid_across: "横向", grid_down: "纵向", grid_make: "生成网格", 
    save: "保存", save_recipe: "配方 (JSON)", replay: "重放配方", not_recipe: "此文件不是肖像配方。请先用“配方 (JSON)”保存一个。", history: "历史", history_none: "您做的图片会出现在这里。", report: "报告",
    asked: "要求", target: "目标", achieved: "达到", error: "± 误差", likeness: "相似度", likeness_percentile: "与本人照片相比，超过 {p} %",
    nearest: "最接近的照片", leakage: "连带变化", outside: "面部之外的变化", consistency: "与照片一致", degradation: "假定的损坏", seconds: "秒",
    drop_photo: "把照片拖到这里", choose_photo: "选择照片", another_photo: "换一张照片", apply: "应用", working: "处理中…", before: "之前", after: "之后", compare: "前后对比", hold: "按住查看原照片",
    photo_hint: "移动滑块。没有移动的保持不变。",
    damage: "发生了什么", auto: "自动判断", downsample: "被缩小", gaussian_blur: "模糊", noise: "噪点", jpeg: "JPEG", greyscale: "失去颜色", mask: "有缺损", motion_blur: "抖动",
    paint_hint: "涂抹缺失的部分。", brush: "画笔", eraser: "橡皮", brush_size: "大小", clear: "清除", restore_go: "修复", strength: "强度",
    guess: "照片中没有的部分按此人的样子补全。它不能作为任何证据。",
    how: "方式", sliders: "滑块", pull: "拖动点", tools: "工具", zoom: "靠近面部", points: "点", pull_go: "拖动", go_on: "从这里继续", show_points: "显示点", show_result: "显示结果",
    pull_hint: "在脸上按下、移动、松开，就是一个点。只按一下则固定该处。用键盘：Tab 选点，方向键移动目标，加 Alt 移动起点，Delete 删除。",
    mask_hint: "涂抹可以移动的部分。不涂则全部可动。",
    point_at: "点 {n}：从 {from} 到 {to}", point_add: "添加面部部位", point_remove: "删除点 {n}", px_left: "还差 {n} 像素", sure: "周围与原来相同 {p} %", step_of: "第 {n} 步",
    end_arrived: "已到达", end_masked: "被遮罩固定", end_flat: "太平整，无法跟踪", end_lost: "已丢失", end_stuck: "无法再移动", end_unlike: "已停止：再动就不像本人", steps: "步数", fixed: "固定部分的变化",
    part_nose: "鼻子", part_chin: "下巴", part_forehead: "额头", part_mouth_left: "左嘴角", part_mouth_right: "右嘴角", part_mouth_top: "上唇", part_mouth_bottom: "下唇",
    part_eye_left: "左眼", part_eye_right: "右眼", part_eyelid_left: "左眼睑", part_eyelid_right: "右眼睑", part_brow_left: "左眉", part_brow_right: "右眉",
    part_cheek_left: "左脸颊", part_cheek_right: "右脸颊", part_jaw_left: "左下颌", part_jaw_right: "右下颌",
    stage_drag: "拖动中", stage_project: "在生成器中寻找面孔", stage_styles: "细化",
    key_1: "人物", key_2: "肖像", key_3: "照片", key_4: "修复", key_undo: "撤销", key_redo: "重做", key_r: "换一张", key_s: "保存图片", key_help: "此列表", key_escape: "关闭",
  },
};

/** @param {string} language @returns {(key: string, values?: Record<string, any>) => string} */
export function translator(language) {
  const table = TEXTS[language] ?? TEXTS.en;
  return (key, values) => (table[key] ?? TEXTS.en[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => `${values?.[name] ?? ""}`);
}

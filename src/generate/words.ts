import type { CategoryName } from '../model/category.ts';

/**
 * The words that product names are made of. Every brand is invented. `patterns` name the slots in
 * braces; `brand` is filled from `premium` and `brands` together, each brand as likely.
 */
export type Words = {
  premium: readonly string[]; // dearer, better rated, more reviewed
  brands: readonly string[];
  patterns: readonly string[]; // each holds {brand}
  slots: Readonly<Record<string, readonly string[]>>;
};

/** What a name may begin with; the second list is what is left where nothing comes in pairs. */
export const PREFIXES = [
  '[1+1]',
  '[단독구성]',
  '[방송최저가]',
  '[본사직영]',
  '[MD픽]',
  '[한정수량]',
  '[쿠폰가]',
  '[로켓배송]',
  '[역대급혜택]',
  '[오늘만특가]',
] as const;
export const PREFIXES_SINGLE: readonly string[] = PREFIXES.filter((prefix) => prefix !== '[1+1]');

export const WITHOUT_PREFIX: readonly string[] = ['항공', '숙박', '티켓/패스', '골프', '캠핑'];
export const WITHOUT_PAIR: readonly string[] = ['생활가전', 'IT/게이밍'];

/** Two sentences about an article, one from each list. */
export const OPENINGS = [
  "{brand}에서 선보이는 '{name}'입니다.",
  "믿고 고르는 {brand}, '{name}' 하나면 충분합니다.",
  "{brand} 담당자가 꼼꼼히 살펴 고른 '{name}'입니다.",
  "찾는 분이 많은 {brand} '{name}', 지금 준비되어 있습니다.",
  "{brand}의 정성을 담아 '{name}' 상품을 준비했습니다.",
] as const;
export const CLOSINGS = [
  '{category} 코너에서 가장 먼저 만나 보세요.',
  '{category} 상품을 찾고 있었다면 눈여겨볼 만합니다.',
  '{category} 분야의 다른 상품과 함께 담아도 좋습니다.',
  '오늘의 {category} 추천 목록에 올랐습니다.',
  '{category} 구매 후기를 보고 결정해도 늦지 않습니다.',
] as const;

export const WORDS: Readonly<Record<CategoryName, Words>> = {
  'SS(봄여름)': {
    premium: ['아틀리에온달', '에르노웨이'],
    brands: ['모노필드', '데이오프웨어', '그린로프트', '소담어패럴', '플레인무드', '여름서랍'],
    patterns: [
      '{brand} {season} {adjective} {material} {noun} {colour}',
      '{brand} {adjective} {noun} {gender} {colour}',
      '{brand} {gender} {season} {material} {noun}',
    ],
    slots: {
      season: ['24SS', '25SS', '26SS', '봄신상', '썸머', '간절기'],
      adjective: ['시원한', '가벼운', '오버핏', '루즈핏', '스트라이프', '베이직', '크롭', '냉감'],
      material: ['린넨', '코튼', '시어서커', '쿨메쉬', '텐셀', '피케', '레이온'],
      noun: [
        '반팔 티셔츠',
        '셔츠',
        '블라우스',
        '원피스',
        '반바지',
        '와이드 슬랙스',
        '바람막이',
        '롱스커트',
      ],
      colour: ['아이보리', '스카이블루', '민트', '라벤더', '네이비', '샌드베이지', '블랙'],
      gender: ['여성', '남성', '남녀공용', '주니어'],
    },
  },
  'FW(가을겨울)': {
    premium: ['노르덴하임', '설원상회'],
    brands: ['모노필드', '북풍기지', '코트앤로우', '온기클로젯', '한결스튜디오'],
    patterns: [
      '{brand} {season} {adjective} {material} {noun} {colour}',
      '{brand} {adjective} {noun} {fit} {colour}',
      '{brand} {fit} {material} {noun} {season}',
    ],
    slots: {
      season: ['24FW', '25FW', '26FW', '겨울신상', '가을신상', '헤비윈터'],
      adjective: ['따뜻한', '경량', '방풍', '기모', '헤비', '클래식', '리버시블', '보온'],
      material: ['구스다운', '울', '캐시미어', '코듀로이', '플리스', '덕다운', '알파카'],
      noun: ['패딩', '롱코트', '니트', '점퍼', '가디건', '목폴라', '조끼', '맨투맨'],
      fit: ['레귤러핏', '오버핏', '슬림핏', '세미오버핏'],
      colour: ['블랙', '차콜', '카멜', '다크그린', '크림', '버건디', '네이비'],
    },
  },
  스킨케어: {
    premium: ['월하백', '라미네르'],
    brands: ['물결의원', '초록이랩', '하루수분', '닥터온담', '피부서재'],
    patterns: [
      '{brand} {line} {ingredient} {noun} {volume}',
      '{brand} {adjective} {ingredient} {noun} {volume}',
      '{brand} {line} {adjective} {noun} {volume} {bundle}',
    ],
    slots: {
      line: ['더마', '아쿠아', '그린', '포어', '데일리', '시카', '비건'],
      ingredient: [
        '히알루론산',
        '병풀',
        '어성초',
        '판테놀',
        '세라마이드',
        '티트리',
        '쌀겨',
        '녹차',
      ],
      noun: ['토너', '앰플', '수분크림', '로션', '클렌징폼', '선크림', '미스트', '마스크팩'],
      adjective: ['촉촉한', '순한', '약산성', '산뜻한', '고보습', '저자극', '진정'],
      volume: ['50ml', '80ml', '100ml', '150ml', '200ml', '300ml'],
      bundle: ['단품', '2개입', '본품+리필', '기획세트'],
    },
  },
  '기능성(안티에이징)': {
    premium: ['진설재', '오르비엔느'],
    brands: ['탄력연구소', '리쥬네온', '시간정원', '고운결', '셀비타랩'],
    patterns: [
      '{brand} {line} {ingredient} {noun} {volume}',
      '{brand} {ingredient} {adjective} {noun} {volume}',
      '{brand} {line} {adjective} {noun} {bundle}',
    ],
    slots: {
      line: ['타임리턴', '골드캡슐', '링클케어', '퍼밍', '인텐시브', '로얄'],
      ingredient: ['레티놀', '콜라겐', '펩타이드', '홍삼', '캐비어', '나이아신아마이드', '비타민C'],
      noun: ['세럼', '아이크림', '에센스', '나이트크림', '앰플', '리프팅 마스크', '에멀전'],
      adjective: ['주름개선', '탄력', '고농축', '미백', '영양', '집중케어', '광채'],
      volume: ['25ml', '30ml', '50ml', '60ml', '75ml'],
      bundle: ['2종 세트', '3종 기획', '단품 50ml', '선물세트', '본품+미니어처'],
    },
  },
  '신선(과일/채소)': {
    premium: ['해오름농원', '으뜸과수원'],
    brands: ['들녘애', '산들채소밭', '초록바구니', '마을앞밭', '아침수확', '흙살림터'],
    patterns: [
      '{brand} {origin} {adjective} {noun} {weight}',
      '{origin} {brand} {noun} {weight} {grade}',
      '{brand} {adjective} {origin}산 {noun} {grade} {weight}',
    ],
    slots: {
      origin: ['제주', '나주', '청송', '성주', '해남', '영동', '고창', '평창'],
      adjective: ['당도선별', '산지직송', '무농약', '아삭한', '새벽수확', '유기농', '햇'],
      noun: [
        '감귤',
        '사과',
        '배',
        '참외',
        '고구마',
        '샤인머스캣',
        '방울토마토',
        '브로콜리',
        '양파',
        '딸기',
      ],
      weight: ['500g', '1kg', '2kg', '3kg', '5kg', '10kg'],
      grade: ['특품', '상품', '가정용', '선물용', '못난이'],
    },
  },
  '육류/가공': {
    premium: ['한우마루', '황금목장'],
    brands: ['푸른우리축산', '고기장터', '정육의정석', '들마을햄', '든든미트'],
    patterns: [
      '{brand} {origin} {grade} {noun} {weight}',
      '{brand} {adjective} {noun} {weight}',
      '{brand} {adjective} {origin} {noun} {grade} {weight}',
    ],
    slots: {
      origin: ['국내산', '제주산', '강원도', '호주산', '지리산', '충청도'],
      grade: ['1++등급', '1+등급', '1등급', '프리미엄', '무항생제'],
      noun: ['등심', '삼겹살', '불고기', '수제 소시지', '닭가슴살', 'LA갈비', '목살', '훈제오리'],
      adjective: ['숙성', '냉장', '양념', '캠핑용', '한입크기', '에어프라이어용', '두툼한'],
      weight: ['300g', '500g', '600g', '1kg', '1.5kg', '2kg'],
    },
  },
  생활가전: {
    premium: ['루멘하우스', '에어비온'],
    brands: ['한들전자', '바른가전', '클린모아', '온누리테크', '도담일렉'],
    patterns: [
      '{brand} {adjective} {noun} {spec} {model}',
      '{brand} {year} {noun} {spec} {colour}',
      '{brand} {year}년형 {adjective} {noun} {model}',
    ],
    slots: {
      adjective: ['저소음', '인버터', '스마트', '올인원', '절전형', '초슬림', 'AI'],
      noun: [
        '로봇청소기 8000Pa',
        '공기청정기 20평형',
        '드럼세탁기 21kg',
        '건조기 17kg',
        '김치냉장고 400L',
        '식기세척기 12인용',
        '무선청소기 250W',
        '에어컨 18평형',
      ],
      spec: ['1등급', '대용량', '앱제어', '듀얼모터', '5년보증', '방문설치'],
      model: ['HD-2100', 'HX-540', 'BR-77', 'CM-900S', 'ON-310', 'LT-88W'],
      year: ['2024', '2025', '2026'],
      colour: ['화이트', '크림베이지', '메탈실버', '딥그린', '차콜'],
    },
  },
  'IT/게이밍': {
    premium: ['노바코어', '아크틱픽셀'],
    brands: ['퀀텀기어', '비트온', '한빛디지털', '제로프레임', '코드나인', '키스톰'],
    patterns: [
      '{brand} {adjective} {noun} {spec} {model}',
      '{brand} {year} {noun} {model} {colour}',
      '{brand} {model} {adjective} {noun} {spec} {colour}',
    ],
    slots: {
      adjective: ['게이밍', '초경량', '고성능', '무선', '저지연', '사무용', '전문가용'],
      noun: [
        '노트북 16GB',
        '노트북 32GB',
        '모니터 144Hz',
        '모니터 4K',
        '기계식 키보드',
        '마우스',
        '헤드셋',
        '태블릿 256GB',
        '미니PC 16GB',
        '외장SSD 1TB',
      ],
      spec: ['2세대', '3세대', '정품', 'USB-C', '2년보증', '한정판', '국내발송'],
      model: ['X1', 'G7', 'Pro 15', 'Air 13', 'V9 Max', 'N5', 'Z3'],
      year: ['2024', '2025', '2026'],
      colour: ['블랙', '화이트', '실버', '스페이스그레이', '퍼플'],
    },
  },
  '세제/위생': {
    premium: ['린센트', '순백공방'],
    brands: ['맑은하루', '거품나라', '뽀송이네', '향기서랍', '클린파도'],
    patterns: [
      '{brand} {adjective} {noun} {capacity} {count}',
      '{brand} {scent} {noun} {capacity} {count}',
      '{brand} {adjective} {scent} {noun} {capacity}',
    ],
    slots: {
      adjective: ['고농축', '저자극', '친환경', '강력', '대용량', '실내건조용', '아기용'],
      scent: ['라벤더향', '코튼향', '시트러스향', '무향', '베이비파우더향', '숲속향'],
      noun: ['세탁세제', '섬유유연제', '주방세제', '욕실세정제', '손세정제', '캡슐세제', '표백제'],
      capacity: ['500ml', '1L', '1.8L', '2.5L', '3L', '4L'],
      count: ['1개', '2개', '3개입', '4개입', '6개입'],
    },
  },
  '화지/제지': {
    premium: ['구름결'],
    brands: ['포근제지', '하늘말이', '부드림', '순한숲'],
    patterns: [
      '{brand} {adjective} {noun} {spec} {count}',
      '{brand} {noun} {adjective} {count}',
      '{brand} {feature} {noun} {spec} {count}',
    ],
    slots: {
      adjective: ['도톰한', '부드러운', '3겹', '4겹', '먼지없는', '천연펄프'],
      feature: ['엠보싱', '무형광', '무향', '로션', '데코', '대나무'],
      noun: [
        '화장지 27m',
        '화장지 33m',
        '미용티슈 250매',
        '키친타월 150매',
        '물티슈 100매',
        '점보롤 300m',
        '여행용 티슈 10매',
      ],
      spec: ['대용량', '실속형', '가정용', '업소용', '리필'],
      count: ['6개입', '10개입', '12개입', '24개입', '30개입', '1박스'],
    },
  },
  건강식품: {
    premium: ['천년삼가', '백록원'],
    brands: ['산마루한방', '정성달임', '새벽약초', '온가족건강', '자연담터'],
    patterns: [
      '{brand} {process} {ingredient} {noun} {amount}',
      '{brand} {adjective} {ingredient} {noun} {amount}',
      '{brand} {ingredient} {noun} {adjective} {amount} {bundle}',
    ],
    slots: {
      process: ['저온추출', '발효', '구증구포', '통째로', '착즙', '동결건조'],
      ingredient: ['6년근 홍삼', '흑마늘', '녹용', '도라지배', '산수유', '석류', '양배추', '헛개'],
      noun: ['진액', '스틱', '농축액', '환', '절편', '파우치', '분말'],
      adjective: ['부모님', '수험생', '진한', '하루한포', '온가족', '활력'],
      amount: ['10ml x 30포', '70ml x 30포', '240g', '100g x 3병', '60포', '50ml x 60포'],
      bundle: ['선물세트', '실속형', '2박스', '쇼핑백 포함'],
    },
  },
  영양제: {
    premium: ['뉴트리안', '바이오세움'],
    brands: ['하루한알', '필그린', '건강계단', '약속랩', '비타누리'],
    patterns: [
      '{brand} {adjective} {ingredient} {noun} {amount}',
      '{brand} {ingredient} {strength} {noun} {duration}',
      '{brand} {adjective} {ingredient} {amount} {duration}',
    ],
    slots: {
      adjective: ['고함량', '식물성', '하루한번', '츄어블', '임산부', '어린이', '장용성'],
      ingredient: [
        '비타민C',
        '오메가3',
        '유산균',
        '루테인',
        '마그네슘',
        '칼슘',
        '밀크씨슬',
        '아연',
      ],
      strength: ['1000', '3000', '플러스', '골드', '맥스', '프리미엄'],
      noun: ['정', '캡슐', '구미', '분말스틱', '액상'],
      amount: ['60정', '90정', '120캡슐', '30포', '180정'],
      duration: ['1개월분', '2개월분', '3개월분', '6개월분', '12개월분'],
    },
  },
  '소파/침대': {
    premium: ['벨루나리빙', '오크앤하임'],
    brands: ['가온가구', '쉼표공간', '나무결집', '편한밤', '두온퍼니처'],
    patterns: [
      '{brand} {material} {noun} {option} {colour}',
      '{brand} {adjective} {noun} {option}',
      '{brand} {adjective} {material} {noun} {colour}',
    ],
    slots: {
      material: ['천연가죽', '패브릭', '원목', '아쿠아텍스', '라텍스', '벨벳'],
      noun: [
        '3인용 소파',
        '4인용 소파',
        '퀸 침대',
        '킹 침대',
        '1인용 리클라이너',
        '슈퍼싱글 매트리스',
        '퀸 매트리스',
        '수납침대',
        '모듈소파',
      ],
      adjective: ['모던', '북유럽풍', '호텔식', '무소음', '저상형', '각도조절', '클래식'],
      option: ['무료설치', '소형', '중형', '대형', '맞춤형', '쿠션포함'],
      colour: ['아이보리', '라이트그레이', '월넛', '카멜', '오트밀', '딥블루'],
    },
  },
  '사무/학생': {
    premium: ['에르고마루'],
    brands: ['책상마을', '바른자세', '데스크온', '공부방연구소'],
    patterns: [
      '{brand} {adjective} {noun} {model} {option}',
      '{brand} {noun} {size} {colour} {option}',
      '{brand} {model} {adjective} {noun} {colour}',
    ],
    slots: {
      adjective: ['인체공학', '높이조절', '코너형', '접이식', '이동식', '학생용', '사무용'],
      noun: ['책상', '모션데스크', '책장', '서랍장', '독서실책상', '컴퓨터책상', '사이드테이블'],
      model: ['M50', 'T200', 'S7', 'E1', 'K-Plus', 'R300'],
      option: ['선반형', '의자 포함', '조명 포함', '콘센트형', '기본형'],
      size: ['800', '1000', '1200', '1400', '1600'],
      colour: ['화이트', '블랙', '메이플', '그레이', '민트'],
    },
  },
  골프: {
    premium: ['그린버디스', '아이언크레스트'],
    brands: ['페어웨이온', '나이스샷코리아', '홀인마루', '스윙노트'],
    patterns: [
      '{brand} {year} {adjective} {noun} {spec}',
      '{brand} {gender} {noun} {spec} {colour}',
      '{brand} {adjective} {gender} {noun} {year}',
    ],
    slots: {
      year: ['2024', '2025', '2026'],
      adjective: ['고반발', '투어', '비거리', '경량', '입문용', '방수', '프리미엄'],
      noun: [
        '드라이버 9.5도',
        '드라이버 10.5도',
        '아이언세트 8개',
        '퍼터 34인치',
        '3피스 골프공',
        '골프장갑',
        '캐디백 9인치',
        '웨지 56도',
        '골프화',
      ],
      spec: ['정품', '2년보증', '한정판', '선물포장', '기획세트'],
      gender: ['남성', '여성', '공용', '시니어'],
      colour: ['화이트', '블랙', '네이비', '레드', '라임'],
    },
  },
  캠핑: {
    premium: ['노을산장', '알펜루트'],
    brands: ['숲속야영', '불멍상점', '별밤캠프', '달그락키친', '트레일온'],
    patterns: [
      '{brand} {adjective} {noun} {size} {colour}',
      '{brand} {noun} {size} {bundle}',
      '{brand} {adjective} {style} {noun} {colour}',
    ],
    slots: {
      adjective: ['초경량', '원터치', '방수', '접이식', '휴대용', '사계절용', '튼튼한'],
      style: ['감성', '밀리터리', '북유럽풍', '클래식', '빈티지', '미니멀'],
      noun: ['텐트', '타프', '캠핑의자', '롤테이블', '침낭', '화로대', '랜턴', '아이스박스'],
      size: ['소형', '중형', '대형', '특대형', '미니'],
      colour: ['카키', '샌드', '블랙', '올리브', '크림', '코요테'],
      bundle: ['풀세트', '단품', '수납가방 포함', '패밀리 세트'],
    },
  },
  항공: {
    premium: ['미르항공', '천리길항공'],
    brands: ['나래에어', '블루윙에어', '누리바람항공', '스카이다온', '구름길에어', '바다건너항공'],
    patterns: [
      '{brand} {departure}-{destination} {trip} 항공권 {fare}',
      '{brand} {destination} {adjective} {trip} 항공권',
      '{brand} {adjective} {departure} 출발 {destination} {seat} {trip}',
    ],
    slots: {
      departure: ['인천', '김포', '김해', '제주', '대구', '청주'],
      destination: [
        '도쿄',
        '오사카',
        '방콕',
        '다낭',
        '파리',
        '하와이',
        '괌',
        '싱가포르',
        '타이베이',
      ],
      trip: ['왕복', '편도', '다구간'],
      adjective: ['얼리버드', '특가', '직항', '심야', '주말출발', '가족여행'],
      fare: ['이코노미', '비즈니스', '프리미엄이코노미', '수하물포함', '유류할증료포함'],
      seat: ['이코노미석', '비즈니스석', '창가석', '앞좌석'],
    },
  },
  숙박: {
    premium: ['그랑누리호텔', '소월재'],
    brands: ['해온리조트', '라운트호텔', '노을마루펜션', '파인헤이븐', '온샘스테이', '숲그늘한옥'],
    patterns: [
      '{brand} {location} {room} {nights} {benefit}',
      '{brand} {location} {adjective} {room} {nights}',
      '{brand} {adjective} {room} {people} {nights} 숙박권',
    ],
    slots: {
      location: ['제주', '부산', '강릉', '서울', '여수', '경주', '속초', '전주'],
      room: ['디럭스룸', '스위트룸', '스탠다드룸', '패밀리룸', '온돌룸', '풀빌라'],
      adjective: ['오션뷰', '시티뷰', '조식포함', '가족형', '커플', '반려견동반'],
      nights: ['1박', '2박', '3박', '주중 1박', '주말 1박'],
      benefit: ['조식 2인', '수영장 이용', '레이트 체크아웃', '바비큐 포함', '스파 이용권'],
      people: ['2인', '3인', '4인', '6인'],
    },
  },
  '티켓/패스': {
    premium: ['달무리랜드', '꿈마루월드'],
    brands: [
      '물보라파크',
      '별빛사파리',
      '하늘숲어드벤처',
      '파도소리워터',
      '바다정원수족관',
      '놀이대장',
    ],
    patterns: [
      '{brand} {location} {activity} {people} {option}',
      '{brand} {season} {activity} {people}',
      '{brand} {activity} {option} {people} {season}',
    ],
    slots: {
      location: ['용인', '제주', '부산', '일산', '여수', '춘천', '경주'],
      activity: [
        '자유이용권',
        '워터파크 입장권',
        '체험 프로그램',
        '사파리 투어',
        '아쿠아리움 관람권',
        '스키패스',
      ],
      people: ['1인', '2인', '어린이', '청소년', '가족 3인', '가족 4인'],
      option: ['종일권', '오후권', '야간권', '연간회원', '주중전용'],
      season: ['봄시즌', '여름시즌', '가을시즌', '겨울시즌', '방학특집', '상시'],
    },
  },
};
